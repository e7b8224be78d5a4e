using System.Globalization;

namespace Orchestrator.Testing.Service;

/// <summary>A bare origin, made with real git, and a clone of it that pushes.</summary>
public sealed class SampleRepository
{
    private readonly string _clone;

    private SampleRepository(string name, string origin, string clone) => (Name, Origin, _clone) = (name, origin, clone);

    /// <summary><c>owner/name</c>.</summary>
    public string Name { get; }

    /// <summary>The bare repository's folder.</summary>
    public string Origin { get; }

    /// <summary>The commit that <c>main</c> is at.</summary>
    public string Head => Tool.Run("git", "-C", Origin, "rev-parse", "main");

    /// <summary>Makes one whose branch <c>main</c> has so many files.</summary>
    public static SampleRepository Create(ServicePlace place, string name = "acme/web", int files = 3)
    {
        var repository = new SampleRepository(name, Path.Combine(place.Origins, name + ".git"), place.At("clones", name));
        Tool.Run("git", "init", "--quiet", "--bare", "--initial-branch=main", repository.Origin);
        Tool.Run("git", "clone", "--quiet", repository.Origin, repository._clone);
        var texts = Enumerable.Range(0, files).Select(i => (string.Create(CultureInfo.InvariantCulture, $"src/{i % 10}/file-{i}.txt"), $"File {i}\n"));
        repository.Push("Begin", [("README.md", "# Sample\n"), .. texts]);
        return repository;
    }

    /// <summary>A new commit on <c>main</c> of the origin.</summary>
    /// <returns>Its id.</returns>
    public string Push(string message, params IReadOnlyList<(string Path, string Text)> files)
    {
        foreach (var (path, text) in files)
        {
            var file = Path.Combine(_clone, path);
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            File.WriteAllText(file, text);
            if (text.StartsWith("#!", StringComparison.Ordinal)) ScratchFolder.SetMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }

        Tool.Run("git", "-C", _clone, "add", "--all");
        Tool.Run("git", "-C", _clone, "commit", "--quiet", "--allow-empty", "--message", message);
        Tool.Run("git", "-C", _clone, "push", "--quiet", "origin", "HEAD:main");
        return Head;
    }
}
