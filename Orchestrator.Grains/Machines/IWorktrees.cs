using Orchestrator.Interfaces.Machines;

namespace Orchestrator.Grains.Machines;

/// <summary>Makes, reads and removes worktrees. Every method may be repeated after a crash at any point, and may be called for many tasks at once.</summary>
public interface IWorktrees
{
    /// <summary>
    /// Makes the worktree of a task at the newest commit of its base, or finds the one that a former call made: then its recorded base stays. Commits and
    /// uncommitted work that are found under its branch or folder are saved before anything is reset.
    /// </summary>
    /// <returns>The worktree, or what went wrong: never an exception for a repository, branch, disk or network that fails.</returns>
    Task<WorktreeReport> PrepareAsync(WorktreeRequest request, CancellationToken cancellationToken);

    /// <summary>
    /// Finds the worktree of a run that has ended, as a former <see cref="PrepareAsync"/> left it. One that was never ready, so that no agent has been there, is removed, and holds no branch any more.
    /// </summary>
    /// <returns>The worktree; neither worktree nor failure when there is none (any more); or why that cannot be said.</returns>
    Task<WorktreeReport> FindAsync(SessionName session, string repository, CancellationToken cancellationToken);

    /// <summary>Counts commits and differences against the base. Trusts nothing that an agent may have written into git's configuration.</summary>
    Task<WorkReport> CollectAsync(SessionName session, Worktree worktree, CancellationToken cancellationToken);

    /// <summary>
    /// Removes the lock files that git leaves behind when it is killed in the middle, so that the next attempt can work in the worktree. Called while no process of the task lives; what
    /// cannot be removed stays, and is the agent's to deal with.
    /// </summary>
    Task UnlockAsync(SessionName session, Worktree worktree, CancellationToken cancellationToken);

    /// <summary>Lets go of the worktree's branch, so that another task can go on with it: the folder stays as it is, on the same commit.</summary>
    /// <returns>Null when that is done, or there is no worktree any more; else why not.</returns>
    Task<MachineFailure?> KeepAsync(SessionName session, Worktree worktree, CancellationToken cancellationToken);

    /// <summary>Saves what is not committed or not on the branch to <c>refs/orchestrator/salvage/…</c>, then removes the folder; the branch stays.</summary>
    /// <returns>Null when it is gone; else why it was left.</returns>
    Task<MachineFailure?> RemoveAsync(SessionName session, Worktree worktree, CancellationToken cancellationToken);
}
