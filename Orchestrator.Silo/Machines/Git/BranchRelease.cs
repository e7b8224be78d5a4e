namespace Orchestrator.Silo.Machines.Git;

/// <summary>Lets worktrees go of their branches, so that another task can go on with them. Under the repository's lock.</summary>
internal sealed class BranchRelease(GitLockFiles lockFiles, MirrorSettings settings)
{
    /// <summary>Detaches HEAD where it is: index and files stay. Does nothing when it is on no branch, or on one that is not there.</summary>
    public async Task LetGoAsync(WorktreePlace place, CancellationToken cancellationToken)
    {
        if (place.HeadBranch is not { } branch || place.Head is not { } head) return;
        settings.RestoreWorktree(place.Mirror, place.TaskId);
        lockFiles.RemoveLeft(place.Mirror, place.TaskId, branch);
        await lockFiles.RunAsync(place.Mirror, new(place.AdminFolder, "update-ref", "--no-deref", "HEAD", head) { IsIsolated = true }, cancellationToken);
    }
}
