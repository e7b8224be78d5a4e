using Orchestrator.Interfaces.AgentTasks;
using Orchestrator.Interfaces.Callbacks;
using Orchestrator.Interfaces.Machines;

namespace Orchestrator.Grains.AgentTasks;

/// <content>How the kept worktree of an ended task goes.</content>
internal static partial class AgentTaskTransitions
{
    /// <summary>
    /// Lets the worktree of an ended run go. From then on the state asks for its removal, until the machine has answered. Refused while anything of the task is still to be done, its callback included:
    /// who has not heard of the end may yet want to look.
    /// </summary>
    public static (AgentTaskState Next, WorktreeRelease Answer) ReleaseWorktree(AgentTaskState state, SessionName? expected, string reason)
    {
        if (state.Phase != AgentTaskPhase.Ended || !state.IsWoundUp || state.Callbacks.Any(debt => debt.State == CallbackState.Owed)) return (state, WorktreeRelease.Active);
        if (expected is not null && expected != state.Session(state.Facts.TaskId)) return (state, WorktreeRelease.Active);
        if (IsWorktreeUnknown(state)) return (state, WorktreeRelease.Active);
        if (state.Worktree is null || state.WorktreeRemovedAt is not null) return (state, WorktreeRelease.Gone);
        return state.WorktreeReleasedFor is not null ? (state, WorktreeRelease.Released) : (state with { WorktreeReleasedFor = reason, WorktreeProblem = null }, WorktreeRelease.Released);
    }

    /// <summary>
    /// The worktree of an ended run is gone, or had to be left. One that policy wanted gone at the end is tried again for an hour; one that was released is kept, and may be released again.
    /// </summary>
    public static AgentTaskState WorktreeRemoved(AgentTaskState state, SessionName session, string? problem, DateTimeOffset now)
    {
        if (state.Phase != AgentTaskPhase.Ended || state.WorktreeRemovedAt is not null || session != state.Session(state.Facts.TaskId)) return state;
        if (state.WorktreeReleasedFor is not { } reason)
        {
            var settled = WorktreeSettled(state, problem, now);
            return problem is not null ? settled.WithProblem(problem) : settled with { WorktreeRemovedAt = now, WorktreeProblem = null };
        }

        if (problem is null)
            return (state with { IsWorktreeSettled = true, WorktreeReleasedFor = null, WorktreeProblem = null, WorktreeRemovedAt = now }).Noting(now, "worktree_removed", $"{reason}: {state.Worktree?.Path}");
        var kept = state with { IsWorktreeSettled = true, WorktreeReleasedFor = null, WorktreeProblem = problem };
        return kept.NotingOnce(now, "worktree_left", problem);
    }

    /// <summary>
    /// Whether a worktree may have been made for an ended run without the task's knowing: the service died before the answer was stored, and then the task was stopped. What was blocked had a slot, too.
    /// </summary>
    public static bool IsWorktreeUnknown(AgentTaskState state) => state.Phase == AgentTaskPhase.Ended && !state.IsWorktreeSettled && MayHaveUnknown(state);

    /// <summary>The machine has looked for a worktree that nobody knew of. From then on it is cared for as any other; when it cannot say for an hour, it is left to the sweep.</summary>
    public static AgentTaskState WorktreeFound(AgentTaskState state, WorktreeReport report, DateTimeOffset now)
    {
        if (!IsWorktreeUnknown(state) || report.Session != state.Session(state.Facts.TaskId)) return state;
        if (report.Worktree is null) return WorktreeSettled(state, report.Failure?.Message, now);
        return (state with { Worktree = report.Worktree }).Noting(now, "worktree_found", $"{report.Worktree.Branch} at {report.Worktree.Path}");
    }

    /// <summary>
    /// Another task wants to go on with the branch that the kept worktree of an ended run has checked out. Whoever wants it asks again each minute, so that a lost notice does no harm; one that works
    /// keeps its branch.
    /// </summary>
    public static AgentTaskState BranchWanted(AgentTaskState state) =>
        state.Phase != AgentTaskPhase.Ended || (state.Worktree is null && !MayHaveUnknown(state)) || state.WorktreeRemovedAt is not null || state.WorktreeReleasedFor is not null || (state.IsBranchWanted && !state.IsWorktreeSettled)
            ? state
            : state with { IsBranchWanted = true, IsWorktreeSettled = false };

    private static bool MayHaveUnknown(AgentTaskState state) => state.Worktree is null && (!state.Attempts.IsEmpty || state.WaitingSince is not null);

    /// <summary>What is tried again and again is said once.</summary>
    private static AgentTaskState NotingOnce(this AgentTaskState state, DateTimeOffset now, string name, string detail) =>
        state.Timeline is [.., var last] && last.Event == name && last.Detail == detail ? state : state.Noting(now, name, detail);

    private static AgentTaskState WithProblem(this AgentTaskState state, string problem) => state.WorktreeProblem == problem ? state : state with { WorktreeProblem = problem };
}
