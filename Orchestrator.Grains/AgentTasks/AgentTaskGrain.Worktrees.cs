using Orchestrator.Interfaces.AgentTasks;
using Orchestrator.Interfaces.Machines;
using Orleans;

namespace Orchestrator.Grains.AgentTasks;

/// <content>How the kept worktree of an ended task goes.</content>
internal sealed partial class AgentTaskGrain
{
    public async Task<WorktreeRelease> ReleaseWorktreeAsync(SessionName? expected, string reason)
    {
        if (!state.RecordExists) return WorktreeRelease.Unknown;
        var (next, answer) = AgentTaskTransitions.ReleaseWorktree(state.State, expected, reason);
        var isUnknown = AgentTaskTransitions.IsWorktreeUnknown(next);
        if (answer != WorktreeRelease.Released && !isUnknown) return answer;

        // An ended task has no reminder any more: without one nobody would take the removal up after a crash.
        await this.RegisterOrUpdateReminder(ReminderName, ReminderPeriod, ReminderPeriod);
        await ApplyAsync(next);
        return answer;
    }

    public Task WorktreeFound(WorktreeReport report) => ReceiveAsync((task, now) => AgentTaskTransitions.WorktreeFound(task, report, now));

    /// <summary>Whoever waits asks each minute, and each time what is open is asked for again: an ended task has no reminder any more.</summary>
    public Task BranchWanted() =>
        state.RecordExists && state.State.Phase == AgentTaskPhase.Ended ? ApplyAsync(AgentTaskTransitions.BranchWanted(state.State)) : Task.CompletedTask;

    public Task WorktreeRemoved(SessionName session, string? problem) => ReceiveAsync((task, now) => AgentTaskTransitions.WorktreeRemoved(task, session, problem, now));
}
