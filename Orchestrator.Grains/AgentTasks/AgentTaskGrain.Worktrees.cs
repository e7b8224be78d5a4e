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
        if (answer != WorktreeRelease.Released) return answer;

        // An ended task has no reminder any more: without one nobody would take the removal up after a crash.
        await this.RegisterOrUpdateReminder(ReminderName, ReminderPeriod, ReminderPeriod);
        await ApplyAsync(next);
        return answer;
    }

    /// <summary>An ended task has no reminder any more: whoever wants the branch is the one who asks again, also when the state says already that it is wanted.</summary>
    public Task BranchWanted() => state.RecordExists && state.State.Phase == AgentTaskPhase.Ended ? ApplyAsync(AgentTaskTransitions.BranchWanted(state.State)) : Task.CompletedTask;

    public Task WorktreeRemoved(SessionName session, string? problem) => ReceiveAsync(AgentTaskTransitions.WorktreeRemoved(state.State, session, problem, clock.GetUtcNow()));
}
