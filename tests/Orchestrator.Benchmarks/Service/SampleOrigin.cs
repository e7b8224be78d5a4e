using System.Globalization;

namespace Orchestrator.Benchmarks.Service;

/// <summary>A repository of 500 files in 50 folders, about 4 KiB each, bare, to be reached as <c>file://…/bench/app.git</c>.</summary>
internal sealed record SampleOrigin(string UrlTemplate, string Path)
{
    public const string Name = "bench/app";
    private const int Files = 500, FilesInFolder = 10, Lines = 64;

    public static async Task<SampleOrigin> CreateAsync(string folder)
    {
        var work = System.IO.Path.Combine(folder, "sample");
        for (var i = 0; i < Files; i++)
        {
            var path = System.IO.Path.Combine(work, "src", $"part{i / FilesInFolder:00}", $"file{i:000}.txt");
            Directory.CreateDirectory(System.IO.Path.GetDirectoryName(path)!);
            await File.WriteAllLinesAsync(path, Enumerable.Range(0, Lines).Select(line => string.Create(CultureInfo.InvariantCulture, $"File {i}, line {line}: some text that stands there for code.")));
        }

        await Programs.RunAsync("git", "-c", "init.defaultBranch=main", "init", "-q", work);
        await Programs.RunAsync("git", "-C", work, "add", "-A");
        await Programs.RunAsync("git", "-C", work, "-c", "user.name=Bench", "-c", "user.email=bench@localhost", "-c", "commit.gpgsign=false", "commit", "-q", "-m", "Begin");
        var bare = System.IO.Path.Combine(folder, "git", "bench", "app.git");
        await Programs.RunAsync("git", "clone", "-q", "--bare", work, bare);
        return new($"file://{System.IO.Path.Combine(folder, "git")}/{{repository}}.git", bare);
    }
}
