using Orchestrator.Interfaces.Machines;
using Orchestrator.Processes;

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

    /// <summary>What is saved has to be on the disk before the only other copy goes: git does not wait for it by itself, and reading back is answered from memory. Git 2.36 and newer.</summary>
    private static readonly string[] Flushed = ["-c", "core.fsync=all", "-c", "core.fsyncMethod=fsync"];

    /// <summary>The same for older ones, which wait for no ref; newer ones print a warning about it.</summary>
    private static readonly string[] FlushedByOld = ["-c", "core.fsyncObjectFiles=true"];

    private static readonly KeyValuePair<string, string?>[] Author =
    [
        new("GIT_AUTHOR_NAME", "Orchestrator"), new("GIT_AUTHOR_EMAIL", "orchestrator@localhost"),
        new("GIT_COMMITTER_NAME", "Orchestrator"), new("GIT_COMMITTER_EMAIL", "orchestrator@localhost"),
    ];

    private string[]? _flushing;

    /// <summary>Saves the commits of a branch that is about to be moved to another commit.</summary>
    /// <returns>The ref; null when there was nothing that is not kept elsewhere.</returns>
    /// <remarks>Commits that were saved before, with the worktree that they were made in, are told of by the ref that has them.</remarks>
    public async Task<string?> SaveBranchAsync(WorktreePlace place, SessionName session, string tip, string newTip, CancellationToken cancellationToken)
    {
        if (tip == newTip) return null;
        if (await SaveCommitsAsync(place.Mirror, session, tip, [newTip], cancellationToken) is { } saved) return saved;
        var before = await git.RunAsync(new(place.Mirror.Path, "for-each-ref", "--count=1", "--format=%(refname)", "--contains", tip, Refs) { IsIsolated = true }, cancellationToken);
        return before.Length == 0 ? null : before.Trim();
    }

    /// <summary>Saves what is checked out, or else the branch's tip, when it is on no branch of the remote: the branch itself stays, but any agent of the repository could remove it.</summary>
    /// <returns>The ref; null when there was nothing that is not kept elsewhere.</returns>
    public Task<string?> SaveUnpushedAsync(WorktreePlace place, SessionName session, string? branch, CancellationToken cancellationToken) =>
        (place.Head ?? (branch is null ? null : place.Tip(branch))) is { } tip ? SaveCommitsAsync(place.Mirror, session, tip, [], cancellationToken) : Task.FromResult<string?>(null);

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
        var flushed = await FlushingAsync(cancellationToken);
        var index = place.Mirror.At("orchestrator", "salvage", $"{Guid.NewGuid():N}.index");
        Directory.CreateDirectory(Path.GetDirectoryName(index)!);
        try
        {
            var agents = Path.Combine(place.AdminFolder, "index");
            var staged = File.Exists(agents) && !isHalfMade ? await TakeIndexAsync(agents) : null;
            if (!File.Exists(index)) await RunAsync("read-tree", parent);
            var hasRepository = !await TryAddAsync() || await HasSubmodulesAsync();
            var changes = await RunAsync("diff-index", "--cached", isHalfMade ? "--diff-filter=d" : "--diff-filter=ABCDMRTUX", "--raw", "-z", parent, "--");
            hasRepository |= changes.Contains(NewRepository, StringComparison.Ordinal);
            var stagedCommit = await CommitStagedAsync(staged);
            if (changes.Length == 0 && stagedCommit is null) return new(null, hasRepository);
            var tree = (await RunAsync("write-tree")).Trim();
            string[] parents = stagedCommit is null ? ["-p", parent] : ["-p", parent, "-p", stagedCommit];
            var commit = await RunAsync(["commit-tree", .. parents, "-m", $"Work that {session} left uncommitted", tree]);
            return new(await SaveAsync(place.Mirror, session, commit.Trim(), cancellationToken), hasRepository);
        }
        finally
        {
            File.Delete(index);
            File.Delete(index + ".lock");
        }

        Task<string> RunAsync(params string[] arguments) => git.RunAsync(Command(arguments), cancellationToken);

        // What the agent had added, as a tree; null when it is in the middle of a merge. Read back from that tree, no entry has a time, a size or a mark ("assume unchanged") by which git would
        // pass a changed file by.
        async Task<string?> TakeIndexAsync(string agents)
        {
            File.Copy(agents, index);
            var written = await git.TryRunAsync(Command(["write-tree"]), cancellationToken);
            if (written.ExitCode != 0 && written.StandardError.Contains("unmerged", StringComparison.Ordinal)) return null;
            // Once more for the failure in our own words, a full disk's above all.
            var tree = (written.ExitCode == 0 ? written.StandardOutput : await RunAsync("write-tree")).Trim();
            File.Delete(index);
            await RunAsync("read-tree", tree);
            return tree;
        }

        // What was added and then changed again is in no file any more. Like git-stash(1), which keeps the index as a second parent.
        async Task<string?> CommitStagedAsync(string? staged)
        {
            if (staged is null || staged == (await RunAsync("rev-parse", parent + "^{tree}")).Trim() || staged == (await RunAsync("write-tree")).Trim()) return null;
            return (await RunAsync("commit-tree", "-p", parent, "-m", $"What {session} had added", staged)).Trim();
        }

        // What is in a submodule's folder is in a repository of its own, whose configuration is the agent's: git must not go in there.
        async Task<bool> HasSubmodulesAsync()
        {
            var modules = Path.Combine(place.AdminFolder, "modules");
            if (Directory.Exists(modules) && Directory.EnumerateFileSystemEntries(modules).Any()) return true;
            var entries = await git.TryRunAsync(Command(["ls-files", "--stage", "-z"]), cancellationToken);
            if (entries.IsCut || entries.ExitCode != 0) return true;
            return entries.StandardOutput.Split('\0').Any(entry => entry.StartsWith("160000 ", StringComparison.Ordinal) && entry.IndexOf('\t', StringComparison.Ordinal) is var tab and > 0
                && Path.Exists(Path.Combine(place.Path, entry[(tab + 1)..], ".git")));
        }

        // A repository without a commit is an error of that entry; with --ignore-errors all others are added all the same.
        async Task<bool> TryAddAsync()
        {
            var command = Command(["add", "--all", "--ignore-errors", "."]);
            var result = await git.TryRunAsync(command, cancellationToken);
            if (result.ExitCode == 0) return true;
            if (result.StandardError.Contains("does not have a commit checked out", StringComparison.Ordinal)) return false;
            throw new GitRefusedException($"What is in {place.Path} could not be saved: {Processes.ToolOutput.WithoutCredentials(result.StandardError).Trim()}", "Save what is needed from the folder, or make the disk writable.", MachineFailureKind.Machine);
        }

        GitCommand Command(string[] arguments) => new(place.Mirror.Path, ["-c", "advice.addEmbeddedRepo=false", "-c", "core.bare=false", .. flushed, .. arguments])
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

    private async Task<string[]> FlushingAsync(CancellationToken cancellationToken) =>
        _flushing ??= IsOlderThan236(await git.RunAsync(new(null, "version"), cancellationToken)) ? FlushedByOld : Flushed;

    /// <param name="version">Such as <c>git version 2.39.5 (Apple Git-154)</c>.</param>
    private static bool IsOlderThan236(string version) => version.Split(' ') is [_, _, var number, ..] && Version.TryParse(string.Join('.', number.Trim().Split('.').Take(2)), out var found) && found < new Version(2, 36);

    /// <summary>The ref's file, and the folders that have it: git flushes the one, if new enough, and never the others.</summary>
    private static void Flush(GitMirror mirror, string name)
    {
        var path = mirror.At(name);
        if (!File.Exists(path)) return;
        using (var file = File.OpenHandle(path, share: FileShare.ReadWrite | FileShare.Delete)) RandomAccess.FlushToDisk(file);
        for (var folder = Path.GetDirectoryName(path)!; folder.Length >= mirror.Path.Length; folder = Path.GetDirectoryName(folder)!) LibC.FlushFolder(folder);
    }

    private async Task<string> SaveAsync(GitMirror mirror, SessionName session, string commit, CancellationToken cancellationToken)
    {
        for (var number = 1; ; number++)
        {
            var name = Refs + session + (number == 1 ? "" : $"-{number}");
            var existing = RefFiles.Read(mirror, name);
            if (existing == commit) return name;
            if (existing is not null) continue;
            await lockFiles.RunAsync(mirror, new(mirror.Path, [.. Flushed, "update-ref", name, commit, new string('0', 40)]), cancellationToken);
            // Somebody is about to remove the only other copy.
            var found = await git.TryRunAsync(new(mirror.Path, "rev-parse", "--verify", "--quiet", name + "^{commit}") { IsIsolated = true }, cancellationToken);
            if (found.StandardOutput.Trim() == commit)
            {
                Flush(mirror, name);
                return name;
            }

            throw new GitRefusedException($"What was saved to {name} of {mirror.Repository} cannot be read back.", "Check the disk of ORCHESTRATOR_HOME.", MachineFailureKind.Machine);
        }
    }
}

/// <summary>What <see cref="Salvage.SaveFilesAsync"/> did.</summary>
/// <param name="Ref">The ref; null when nothing differed.</param>
/// <param name="HasRepository">Whether there is a repository inside the folder: neither its files nor its commits are saved, so that the folder may only be put aside.</param>
internal sealed record SavedFiles(string? Ref, bool HasRepository);
