using Orchestrator.Interfaces.Machines;

namespace Orchestrator.Silo.Machines.Git;

/// <summary>
/// Saves an agent's work to <c>refs/orchestrator/salvage/&lt;taskId&gt;/&lt;run&gt;.&lt;attempt&gt;</c> (a second one gets <c>-2</c>) before something that holds it is reset or removed. Ignored files are
/// not saved. Every failure is thrown: then nothing may be removed. A repository inside the folder that is no submodule cannot be saved so: <see cref="SavedFiles"/> tells of it.
/// </summary>
internal sealed class Salvage(GitProgram git, GitLockFiles lockFiles)
{
    private const string Refs = "refs/orchestrator/salvage/";

    /// <summary>How <c>diff-index --raw</c> begins the line of a repository that the parent does not have.</summary>
    private const string NewRepository = ":000000 160000 ";

    private static readonly KeyValuePair<string, string?>[] Author =
    [
        new("GIT_AUTHOR_NAME", "Orchestrator"), new("GIT_AUTHOR_EMAIL", "orchestrator@localhost"),
        new("GIT_COMMITTER_NAME", "Orchestrator"), new("GIT_COMMITTER_EMAIL", "orchestrator@localhost"),
    ];

    /// <summary>Saves the commits of a branch that is about to be moved to another commit.</summary>
    /// <returns>The ref; null when there was nothing that is not kept elsewhere.</returns>
    public Task<string?> SaveBranchAsync(WorktreePlace place, SessionName session, string tip, string newTip, CancellationToken cancellationToken) =>
        tip == newTip ? Task.FromResult<string?>(null) : SaveCommitsAsync(place.Mirror, session, tip, [newTip], cancellationToken);

    /// <summary>Saves the commits of a HEAD that is on no branch.</summary>
    /// <returns>The ref; null when there was nothing that is not kept elsewhere.</returns>
    public Task<string?> SaveHeadAsync(WorktreePlace place, SessionName session, CancellationToken cancellationToken) =>
        place.HeadBranch is null && place.Head is { } head ? SaveCommitsAsync(place.Mirror, session, head, ["--branches"], cancellationToken) : Task.FromResult<string?>(null);

    /// <summary>Saves the files of a folder that differ from a commit, as a commit on it. The agent's own index is copied, and not touched.</summary>
    /// <param name="place">The worktree; its folder is there.</param>
    /// <param name="session">Names the ref.</param>
    /// <param name="parent">The commit that they are compared with.</param>
    /// <param name="isHalfMade">Whether git may not have written all files: then files that are missing are no work.</param>
    /// <param name="cancellationToken">Ends git.</param>
    public async Task<SavedFiles> SaveFilesAsync(WorktreePlace place, SessionName session, string parent, bool isHalfMade, CancellationToken cancellationToken)
    {
        var index = place.Mirror.At("orchestrator", "salvage", $"{Guid.NewGuid():N}.index");
        Directory.CreateDirectory(Path.GetDirectoryName(index)!);
        try
        {
            var agents = Path.Combine(place.AdminFolder, "index");
            if (File.Exists(agents) && !isHalfMade) File.Copy(agents, index);
            else await RunAsync("read-tree", parent);
            var hasRepository = !await TryAddAsync();
            var changes = await RunAsync("diff-index", "--cached", isHalfMade ? "--diff-filter=d" : "--diff-filter=ABCDMRTUX", "--raw", "-z", parent, "--");
            hasRepository |= changes.Contains(NewRepository, StringComparison.Ordinal);
            if (changes.Length == 0) return new(null, hasRepository);
            var tree = (await RunAsync("write-tree")).Trim();
            var commit = await RunAsync("commit-tree", "-p", parent, "-m", $"Work that {session} left uncommitted", tree);
            return new(await SaveAsync(place.Mirror, session, commit.Trim(), cancellationToken), hasRepository);
        }
        finally
        {
            File.Delete(index);
            File.Delete(index + ".lock");
        }

        Task<string> RunAsync(params string[] arguments) => git.RunAsync(Command(arguments), cancellationToken);

        // A repository without a commit is an error of that entry; with --ignore-errors all others are added all the same.
        async Task<bool> TryAddAsync()
        {
            var command = Command(["add", "--all", "--ignore-errors", "."]);
            var result = await git.TryRunAsync(command, cancellationToken);
            if (result.ExitCode == 0) return true;
            if (result.StandardError.Contains("does not have a commit checked out", StringComparison.Ordinal)) return false;
            throw new GitRefusedException($"What is in {place.Path} could not be saved: {Processes.ToolOutput.WithoutCredentials(result.StandardError).Trim()}", "Save what is needed from the folder, or make the disk writable.", MachineFailureKind.Machine);
        }

        GitCommand Command(string[] arguments) => new(place.Mirror.Path, ["-c", "advice.addEmbeddedRepo=false", "-c", "core.bare=false", .. arguments])
        {
            WorkTree = place.Path,
            IsIsolated = true,
            Environment = [new("GIT_INDEX_FILE", index), .. Author],
        };
    }

    private async Task<string?> SaveCommitsAsync(GitMirror mirror, SessionName session, string tip, string[] kept, CancellationToken cancellationToken)
    {
        var first = await git.RunAsync(
            new(mirror.Path, ["rev-list", "--max-count=1", tip, "--not", .. kept, "--remotes=origin", $"--glob={Refs}*", "--"]) { IsIsolated = true }, cancellationToken);
        return first.Length == 0 ? null : await SaveAsync(mirror, session, tip, cancellationToken);
    }

    private async Task<string> SaveAsync(GitMirror mirror, SessionName session, string commit, CancellationToken cancellationToken)
    {
        for (var number = 1; ; number++)
        {
            var name = Refs + session + (number == 1 ? "" : $"-{number}");
            var existing = RefFiles.Read(mirror, name);
            if (existing == commit) return name;
            if (existing is not null) continue;
            await lockFiles.RunAsync(mirror, new(mirror.Path, "update-ref", name, commit, new string('0', 40)), cancellationToken);
            return name;
        }
    }
}

/// <summary>What <see cref="Salvage.SaveFilesAsync"/> did.</summary>
/// <param name="Ref">The ref; null when nothing differed.</param>
/// <param name="HasRepository">Whether there is a repository inside the folder: neither its files nor its commits are saved, so that the folder may only be put aside.</param>
internal sealed record SavedFiles(string? Ref, bool HasRepository);
