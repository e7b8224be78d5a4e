using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Orchestrator.Silo.Machines.Cleanup;
using Xunit.Abstractions;

namespace Orchestrator.Silo.Tests.Machines.Git;

/// <summary>A random agent leaves its worktree in a random state: each content that it committed, added or left in a file is found again, even when git dies in between. <c>SALVAGE_SEED</c> repeats a round, <c>SALVAGE_ROUNDS</c> makes more.</summary>
public sealed class NothingIsLostTests(ITestOutputHelper output) : IDisposable
{
    private const int Steps = 14, GitCallsOfRemoval = 14;
    private static readonly int Rounds = int.Parse(Environment.GetEnvironmentVariable("SALVAGE_ROUNDS") ?? "12", CultureInfo.InvariantCulture);
    private static readonly string[] Names = ["README.md", "a.txt", "dir/b.txt", "-x", "dir/deep er/ü.txt", "new\nline", "ignored.log"];
    private readonly GitHome _home = new();

    public void Dispose() => _home.Dispose();

    [Fact]
    public async Task Each_content_is_in_a_ref_or_on_the_disk()
    {
        var given = Environment.GetEnvironmentVariable("SALVAGE_SEED");
        var first = given is null ? Random.Shared.Next(1_000_000) : int.Parse(given, CultureInfo.InvariantCulture);
        for (var round = 0; round < (given is null ? Rounds : 1); round++)
        {
            output.WriteLine($"SALVAGE_SEED={first + round}");
            await CheckAsync($"t{round}", new Random(first + round));
        }
    }

    private async Task CheckAsync(string taskId, Random random)
    {
        var worktree = await _home.PreparedAsync(taskId);
        var agent = new RandomAgent(_home, worktree.Path, random);
        for (var step = 0; step < Steps; step++) agent.Step();
        var wanted = agent.Wanted();
        // Git is killed at one of its commands; a service that has just started goes on.
        var calls = _home.At("calls-of-" + taskId);
        _home.Misbehave($"""echo x >>'{calls}'; [ "$(wc -l <'{calls}')" -ne {random.Next(1, GitCallsOfRemoval)} ] || kill -9 $$""");
        var cut = await _home.RemoveAsync(worktree, taskId);
        _home.Misbehave("");
        _home.Restart();
        if (cut is not null) Assert.Null(await _home.RemoveAsync(worktree, taskId));
        Assert.False(Directory.Exists(worktree.Path));
        var saved = _home.InMirror("rev-list", "--objects", "--all").Split('\n').Select(line => line[..40]).ToHashSet(StringComparer.Ordinal);
        var aside = _home.Get<Quarantine>().List().Select(entry => entry.Path).ToList();
        foreach (var content in wanted.Where(content => !saved.Contains(BlobOf(content))))
            Assert.True(aside.Any(folder => IsIn(folder, content)), $"'{content}' is lost. It did:\n{string.Join('\n', agent.Log)}");
    }

    private static bool IsIn(string folder, string content) =>
        Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Any(file => new FileInfo(file).Length < 10_000 && File.ReadAllText(file) == content);

    private static string BlobOf(string content)
    {
        var bytes = Encoding.UTF8.GetBytes(content);
#pragma warning disable CA5350 // Git's own hash.
        return Convert.ToHexStringLower(SHA1.HashData([.. Encoding.ASCII.GetBytes($"blob {bytes.Length}\0"), .. bytes]));
#pragma warning restore CA5350
    }

    private sealed class RandomAgent(GitHome home, string path, Random random)
    {
        private readonly HashSet<string> _committed = [], _hidden = [];
        private readonly Dictionary<string, string> _staged = [], _files = new() { ["README.md"] = "hello\n" };
        private int _number;

        public List<string> Log { get; } = [];

        /// <summary>All that must be found: what was committed, what is added, and what is in files, ignored ones left out unless they were added.</summary>
        public IReadOnlyCollection<string> Wanted() =>
            [.. _committed.Concat(_staged.Values).Concat(_files.Where(file => file.Key != "ignored.log" || _staged.ContainsKey(file.Key) || _tracked.Contains(file.Key)).Select(file => file.Value))];

        private readonly HashSet<string> _tracked = ["README.md"];

        public void Step()
        {
            var name = Names[random.Next(Names.Length)];
            switch (random.Next(10))
            {
                case 0 or 1 or 2 or 3:
                    Say("write", name);
                    _files[name] = $"content {path} {++_number}\n";
                    GitHome.Write(Path.Combine(path, name), _files[name]);
                    break;
                case 4 or 5 when _files.ContainsKey(name):
                    Say("add", name);
                    // Git does not add what it takes for unchanged.
                    if (_hidden.Remove(name)) Run("update-index", "--no-assume-unchanged", "--", name);
                    Run("add", "--force", "--", name);
                    _staged[name] = _files[name];
                    _tracked.Add(name);
                    break;
                case 6:
                    Say("commit", "");
                    Run("commit", "-q", "--allow-empty", "-m", "Step");
                    _committed.UnionWith(_staged.Values);
                    break;
                case 7:
                    Say("move HEAD", "");
                    if (random.Next(2) == 0) Run("checkout", "-q", "--detach");
                    else Run("checkout", "-q", "-b", $"other-{Path.GetFileName(path)}-{++_number}");
                    break;
                case 8 when _files.ContainsKey(name):
                    Say("delete", name);
                    File.Delete(Path.Combine(path, name));
                    _files.Remove(name);
                    break;
                case 9:
                    Mark(name);
                    break;
            }
        }

        private void Mark(string name)
        {
            if (random.Next(3) == 0)
            {
                Say("ignore", "*.log");
                _files[".gitignore"] = "*.log\n";
                GitHome.Write(Path.Combine(path, ".gitignore"), "*.log\n");
            }
            else if (random.Next(6) == 0)
            {
                Say("init", "inner");
                Run("init", "-q", "inner");
                _files["inner/file.txt"] = $"inner {path} {++_number}\n";
                home.Commit(Path.Combine(path, "inner"), "file.txt", _files["inner/file.txt"], "Inside");
            }
            else if (_tracked.Contains(name))
            {
                Say("assume unchanged", name);
                // Fails for one that is not in the index any more.
                try
                {
                    Run("update-index", "--assume-unchanged", "--", name);
                    _hidden.Add(name);
                    _files[name] = $"hidden {path} {++_number}\n";
                    GitHome.Write(Path.Combine(path, name), _files[name]);
                }
                catch (Silo.Processes.ToolFailedException)
                {
                    Log[^1] += " (not tracked)";
                }
            }
        }

        private void Run(params string[] arguments) => home.Git(path, arguments);

        private void Say(string what, string name) => Log.Add($"{what} {name}");
    }
}
