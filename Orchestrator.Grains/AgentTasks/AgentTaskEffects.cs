using Orchestrator.Interfaces.AgentTasks;
using Orchestrator.Interfaces.Callbacks;

namespace Orchestrator.Grains.AgentTasks;

/// <summary>What a task asks of others. Every one may be repeated.</summary>
internal enum AgentTaskEffect
{
    /// <summary>Nothing is to be done, or not yet: a timer or a report comes.</summary>
    None,

    /// <summary>Stand in the line for a slot.</summary>
    WaitForSlot,

    /// <summary>Give the slot back while another task has what this one needs.</summary>
    ReleaseSlot,

    /// <summary>Give the slot back and stand aside, then look at what has become of the tasks that have to complete first.</summary>
    LookAtDependencies,

    /// <summary>Have the account paused for all tasks, and give the slot back.</summary>
    Hold,

    /// <summary>Have the worktree made.</summary>
    Prepare,

    /// <summary>Have the session started.</summary>
    Start,

    /// <summary>Have the session watched.</summary>
    Watch,

    /// <summary>Have the session stopped.</summary>
    Stop,

    /// <summary>Have the work collected.</summary>
    Collect,

    /// <summary>Give back the slot, then <see cref="Settle"/>.</summary>
    WindUp,

    /// <summary>Hand over the callbacks, and have the worktree removed or let go of its branch, as long as nobody has said what became of them.</summary>
    Settle,
}

/// <summary>What becomes of the worktree of an ended run.</summary>
internal enum WorktreeCare
{
    /// <summary>It stays as it is.</summary>
    None,

    /// <summary>It stays, and lets go of a branch that others may want.</summary>
    LetGo,

    /// <summary>It is removed.</summary>
    Remove,

    /// <summary>Nobody knows whether there is one: it is looked for, and is then treated as any other.</summary>
    Find,
}

/// <summary>What has to be done follows from the state alone. Pure.</summary>
internal static class AgentTaskEffects
{
    /// <summary>What the state asks for now.</summary>
    public static AgentTaskEffect Of(AgentTaskState state, AgentTaskOptions options, DateTimeOffset now) => state.Phase switch
    {
        AgentTaskPhase.Waiting => AgentTaskEffect.WaitForSlot,
        AgentTaskPhase.Blocked when !state.WaitsFor.IsEmpty => AgentTaskEffect.LookAtDependencies,
        AgentTaskPhase.Held => AgentTaskEffect.Hold,
        AgentTaskPhase.Blocked => AgentTaskEffect.ReleaseSlot,
        AgentTaskPhase.Preparing => AgentTaskEffect.Prepare,
        AgentTaskPhase.Running when state.Attempt.StartedAt is not null => AgentTaskEffect.Watch,
        AgentTaskPhase.Running => MustWait(state.Attempt, now) ? AgentTaskEffect.None : AgentTaskEffect.Start,
        AgentTaskPhase.Stopping => AgentTaskEffect.Stop,
        AgentTaskPhase.Collecting => AgentTaskEffect.Collect,
        AgentTaskPhase.Ended when !state.IsWoundUp => AgentTaskEffect.WindUp,
        AgentTaskPhase.Ended when CareOf(state, options) != WorktreeCare.None || state.Callbacks.Any(debt => debt.State == CallbackState.Owed) => AgentTaskEffect.Settle,
        _ => AgentTaskEffect.None,
    };

    /// <summary>What becomes of the worktree of an ended run.</summary>
    public static WorktreeCare CareOf(AgentTaskState state, AgentTaskOptions options)
    {
        if (state.WorktreeRemovedAt is not null) return WorktreeCare.None;
        if (state.Worktree is null) return AgentTaskTransitions.IsWorktreeUnknown(state) ? WorktreeCare.Find : WorktreeCare.None;
        if (state.WorktreeReleasedFor is not null) return WorktreeCare.Remove;
        if (state.IsWorktreeSettled) return WorktreeCare.None;
        var isKept = options.WorktreeKeep switch
        {
            WorktreeKeep.Never => false,
            WorktreeKeep.Failed => state.Status != AgentTaskStatus.Completed,
            _ => true,
        };
        if (!isKept) return WorktreeCare.Remove;
        return state.Facts.ContinuationBranch is null && !state.IsBranchWanted ? WorktreeCare.None : WorktreeCare.LetGo;
    }

    /// <summary>When the clock changes what the state asks for; null: it does not.</summary>
    public static DateTimeOffset? NextTimeOf(AgentTaskState state, AgentTaskOptions options, DateTimeOffset now) => state.Phase switch
    {
        AgentTaskPhase.Waiting => AgentTaskTransitions.QueueExpiresAt(state, options),
        AgentTaskPhase.Blocked when !state.WaitsFor.IsEmpty => AgentTaskTransitions.QueueExpiresAt(state, options),
        AgentTaskPhase.Held => state.HeldUntil - AgentTaskTransitions.LineMargin,
        AgentTaskPhase.Blocked => state.BlockedUntil,
        AgentTaskPhase.Preparing => state.DeadlineAt,
        AgentTaskPhase.Running when state.Attempt is { StartedAt: null, NotBefore: { } notBefore } attempt && MustWait(attempt, now) && !(state.DeadlineAt < notBefore) => notBefore,
        AgentTaskPhase.Running => state.DeadlineAt,
        AgentTaskPhase.Stopping when state.StalledSince is not null => state.DeadlineAt,
        _ => null,
    };

    /// <summary>A time that is further away than it ever was is one from before the clock was set back: it would be waited for as long as that.</summary>
    private static bool MustWait(AgentTaskAttempt attempt, DateTimeOffset now) =>
        attempt.NotBefore is { } notBefore && notBefore > now && notBefore - now <= AgentTaskTransitions.RetryDelay(AgentTaskTransitions.AttemptsMax);
}
