using Microsoft.Extensions.DependencyInjection;
using Orchestrator.Grains.Machines;
using Orchestrator.Interfaces.Machines;
using Orchestrator.Silo.Configuration;
using Orchestrator.Silo.Machines.Git;
using Orchestrator.Silo.Processes;
using Orchestrator.Testing;

namespace Orchestrator.Silo.Tests.Machines.Git;

/// <summary>A home of one test with real git, and remotes as folders. Git is run through a script that notes its arguments, and that a test can make misbehave.</summary>
public sealed class GitHome : IDisposable
{
    public const string Repository = "acme/web";

    private readonly ScratchFolder _folder = new();
    private readonly ToolRunner _runner = new(TimeProvider.System);
    private readonly List<ServiceProvider> _services = [];

    public GitHome()
    {
        Home = new(_folder.At("home"));
        CreateRemote(Repository);
        Misbehave("");
        Restart();
    }

    internal OrchestratorHome Home { get; }

    internal GitOptions Options { get; } = new();

    /// <summary>The remote's URL by name; a test may point it elsewhere before a restart.</summary>
    public string UrlTemplate { get; set; } = "";

    internal IWorktrees Worktrees { get; private set; } = null!;

    internal GitMirror Mirror => new(Repository, Path.Combine(Home.RepositoriesPath, Repository + ".git"), "");

    internal string PathOf(string taskId) => Path.Combine(Home.WorktreesPath, taskId);

    public string At(params string[] parts) => _folder.At(parts);

    public string RemotePath(string repository = Repository) => _folder.At("remotes", repository + ".git");

    /// <summary>A part of the service as it is since the last restart.</summary>
    internal T Get<T>()
        where T : notnull => _services[^1].GetRequiredService<T>();

    /// <summary>A service that has just started: it knows nothing but what is on disk.</summary>
    public void Restart()
    {
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddSingleton(Home);
        services.Configure<MachineOptions>(options => options.GitUrlTemplate = UrlTemplate.Length > 0 ? UrlTemplate : "file://" + _folder.At("remotes") + "/{repository}.git");
        services.Configure<GitOptions>(options => (options.Program, options.FetchTimeout, options.CommandTimeout) = (_folder.At("git"), Options.FetchTimeout, Options.CommandTimeout));
        services.AddGit();
        var provider = services.BuildServiceProvider();
        _services.Add(provider);
        Worktrees = provider.GetRequiredService<IWorktrees>();
    }

    /// <summary>Lines of a shell script that run before each git command; <c>$sub</c> is the subcommand.</summary>
    public void Misbehave(string lines) => _folder.Script("git", $$"""
        for word do case "$word" in fetch|worktree|reset|ls-remote|init|status|add|update-ref|rev-list|write-tree|repack) sub=$word; break;; esac; done
        printf '%s\n' "$sub" >> '{{_folder.At("calls")}}'
        {{lines}}
        exec git "$@"
        """);

    /// <summary>How often a git subcommand was started.</summary>
    public int Calls(string subcommand) => File.Exists(_folder.At("calls")) ? File.ReadLines(_folder.At("calls")).Count(line => line == subcommand) : 0;

    public void CreateRemote(string repository)
    {
        Directory.CreateDirectory(RemotePath(repository));
        Git(RemotePath(repository), "init", "-q", "--bare", "-b", "main");
        Push("main", "README.md", "hello\n", repository);
    }

    /// <summary>Commits a file to a branch of the remote; a new branch starts at <c>main</c>.</summary>
    /// <returns>The commit.</returns>
    public string Push(string branch, string file, string content, string repository = Repository)
    {
        var clone = _folder.At("clone-" + Guid.NewGuid().ToString("N"));
        Git("/", "clone", "-q", RemotePath(repository), clone);
        var exists = Git(clone, "ls-remote", "--heads", "origin", branch).Length > 0;
        Git(clone, ["checkout", "-q", .. exists ? new[] { branch } : ["-B", branch]]);
        Write(Path.Combine(clone, file), content);
        Git(clone, "add", "-A");
        Git(clone, "commit", "-q", "-m", "Change " + file);
        Git(clone, "push", "-q", "origin", branch);
        return Git(clone, "rev-parse", "HEAD");
    }

    public static void Write(string path, string content)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, content);
    }

    /// <summary>Commits in a worktree as an agent does: with plain git, and no configuration of the user's.</summary>
    public string Commit(string path, string file, string content, string message)
    {
        Write(Path.Combine(path, file), content);
        Git(path, "add", "-A");
        Git(path, "commit", "-q", "-m", message);
        return Git(path, "rev-parse", "HEAD");
    }

    public string Git(string folder, params string[] arguments)
    {
        var command = new ToolCommand("git", arguments)
        {
            WorkingDirectory = folder,
            Environment = new Dictionary<string, string?>
            {
                ["GIT_AUTHOR_NAME"] = "Agent",
                ["GIT_AUTHOR_EMAIL"] = "agent@localhost",
                ["GIT_COMMITTER_NAME"] = "Agent",
                ["GIT_COMMITTER_EMAIL"] = "agent@localhost",
            },
        };
        return _runner.RunAsync(command, default).GetAwaiter().GetResult().StandardOutput.Trim();
    }

    public string InMirror(params string[] arguments) => Git(Mirror.Path, arguments);

    public static SessionName Session(string taskId, int run = 1, int attempt = 1) => new(taskId, run, attempt);

    public static WorktreeRequest Request(
        string taskId, string? baseBranch = null, string? continuation = null, int run = 1, int attempt = 1, string repository = Repository, DateTimeOffset? acceptedAt = null) =>
        new(Session(taskId, run, attempt), repository, baseBranch, continuation, acceptedAt ?? TimeProvider.System.GetUtcNow());

    internal Task<WorktreeReport> PrepareAsync(WorktreeRequest request) => Worktrees.PrepareAsync(request, default).Within($"{request.Session} is prepared");

    internal async Task<Worktree> PreparedAsync(WorktreeRequest request)
    {
        var report = await PrepareAsync(request);
        Assert.True(report.Worktree is not null, report.Failure?.Message);
        Assert.Null(report.Failure);
        return report.Worktree;
    }

    internal Task<Worktree> PreparedAsync(string taskId) => PreparedAsync(Request(taskId));

    internal async Task<MachineFailure> RefusedAsync(WorktreeRequest request)
    {
        var report = await PrepareAsync(request);
        Assert.Null(report.Worktree);
        return report.Failure!;
    }

    internal Task<WorkReport> CollectAsync(Worktree worktree, string taskId) => Worktrees.CollectAsync(Session(taskId), worktree, default).Within($"{taskId} is collected");

    internal Task<MachineFailure?> RemoveAsync(Worktree worktree, string taskId) => Worktrees.RemoveAsync(Session(taskId), worktree, default).Within($"{taskId} is removed");

    internal Task<MachineFailure?> KeepAsync(Worktree worktree, string taskId) => Worktrees.KeepAsync(Session(taskId), worktree, default).Within($"{taskId} lets go of its branch");

    /// <summary>What a salvage ref has: file by file.</summary>
    public string Salvaged(string name, string file) => InMirror("show", $"refs/orchestrator/salvage/{name}:{file}");

    public string[] SalvageRefs() =>
        InMirror("for-each-ref", "--format=%(refname:lstrip=3)", "refs/orchestrator/salvage/").Split('\n', StringSplitOptions.RemoveEmptyEntries);

    public void Dispose()
    {
        foreach (var services in _services) services.Dispose();
        _folder.Dispose();
    }
}
