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

    /// <summary>Have the account paused for all tasks, and give the slot back.</summary>
    Hold,

    /// <summary>Look at what has become of the tasks that have to complete first.</summary>
    LookAtDependencies,

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
}

/// <summary>What has to be done follows from the state alone. Pure.</summary>
internal static class AgentTaskEffects
{
    /// <summary>What the state asks for now.</summary>
    public static AgentTaskEffect Of(AgentTaskState state, AgentTaskOptions options, DateTimeOffset now) => state.Phase switch
    {
        AgentTaskPhase.Waiting => AgentTaskEffect.WaitForSlot,
        AgentTaskPhase.Held => AgentTaskEffect.Hold,
        AgentTaskPhase.Blocked when !state.WaitsFor.IsEmpty => AgentTaskEffect.LookAtDependencies,
        AgentTaskPhase.Blocked => AgentTaskEffect.ReleaseSlot,
        AgentTaskPhase.Preparing => AgentTaskEffect.Prepare,
        AgentTaskPhase.Running when state.Attempt.StartedAt is not null => AgentTaskEffect.Watch,
        AgentTaskPhase.Running => state.Attempt.NotBefore > now ? AgentTaskEffect.None : AgentTaskEffect.Start,
        AgentTaskPhase.Stopping => AgentTaskEffect.Stop,
        AgentTaskPhase.Collecting => AgentTaskEffect.Collect,
        AgentTaskPhase.Ended when !state.IsWoundUp => AgentTaskEffect.WindUp,
        AgentTaskPhase.Ended when CareOf(state, options) != WorktreeCare.None || state.Callbacks.Any(debt => debt.State == CallbackState.Owed) => AgentTaskEffect.Settle,
        _ => AgentTaskEffect.None,
    };

    /// <summary>What becomes of the worktree of an ended run.</summary>
    public static WorktreeCare CareOf(AgentTaskState state, AgentTaskOptions options)
    {
        if (state.Worktree is null || state.IsWorktreeSettled) return WorktreeCare.None;
        var isKept = options.WorktreeKeep switch
        {
            WorktreeKeep.Never => false,
            WorktreeKeep.Failed => state.Status != AgentTaskStatus.Completed,
            _ => true,
        };
        if (!isKept) return WorktreeCare.Remove;
        return state.Facts.ContinuationBranch is null ? WorktreeCare.None : WorktreeCare.LetGo;
    }

    /// <summary>When the clock changes what the state asks for; null: it does not.</summary>
    public static DateTimeOffset? NextTimeOf(AgentTaskState state, AgentTaskOptions options, DateTimeOffset now) => state.Phase switch
    {
        AgentTaskPhase.Waiting => AgentTaskTransitions.QueueExpiresAt(state, options),
        AgentTaskPhase.Held => state.HeldUntil - AgentTaskTransitions.LineMargin,
        AgentTaskPhase.Blocked when !state.WaitsFor.IsEmpty => AgentTaskTransitions.QueueExpiresAt(state, options),
        AgentTaskPhase.Blocked => state.BlockedUntil,
        AgentTaskPhase.Preparing => state.DeadlineAt,
        AgentTaskPhase.Running when state.Attempt is { StartedAt: null, NotBefore: { } notBefore } && notBefore > now && !(state.DeadlineAt < notBefore) => notBefore,
        AgentTaskPhase.Running => state.DeadlineAt,
        AgentTaskPhase.Stopping when state.StalledSince is not null => state.DeadlineAt,
        _ => null,
    };
}
