using System.Collections.Immutable;
using Orchestrator.Grains.AgentTasks;
using Orchestrator.Grains.Callbacks;
using Orchestrator.Grains.Capacity;
using Orchestrator.Interfaces.AgentTasks;
using Orchestrator.Interfaces.Callbacks;
using Orchestrator.Interfaces.Capacity;

namespace Orchestrator.TortureTarget;

/// <summary>Says which step of a task's life a write of a grain's state is. Pure.</summary>
internal static class WriteSteps
{
    /// <param name="before">What is stored; null: nothing.</param>
    /// <param name="next">What is written.</param>
    /// <returns>The step's name; null when it is none of those that have one.</returns>
    public static string? NameOf(object? before, object? next) => next switch
    {
        AgentTaskRequest => "accept.request",
        AgentTaskState task => NameOf(before as AgentTaskState, task),
        CapacityState capacity => NameOf((before as CapacityState)?.Leases ?? [], capacity.Leases),
        CallbackGrainState callbacks => NameOf(before as CallbackGrainState, callbacks),
        _ => null,
    };

    private static string? NameOf(AgentTaskState? before, AgentTaskState next)
    {
        if (before is null) return "state.accepted";
        switch (next.Phase)
        {
            case AgentTaskPhase.Preparing:
                return "state.preparing";
            case AgentTaskPhase.Running when next.Attempts.Length > before.Attempts.Length:
                return "state.next-attempt";
            case AgentTaskPhase.Running:
                return next.Attempt.StartedAt is null ? "state.ready" : "state.started";
            case AgentTaskPhase.Stopping:
                return before.Phase == AgentTaskPhase.Stopping ? null : "state.stopping";
            case AgentTaskPhase.Collecting:
                return "state.collecting";
            case AgentTaskPhase.Ended when before.Phase != AgentTaskPhase.Ended:
                return "state.ended";
            case AgentTaskPhase.Ended when next.IsWoundUp != before.IsWoundUp:
                return "state.wound-up";
            case AgentTaskPhase.Ended when next.IsWorktreeSettled != before.IsWorktreeSettled:
                return "state.worktree-settled";
            case AgentTaskPhase.Ended when !next.Callbacks.SequenceEqual(before.Callbacks):
                return "state.callback-settled";
            default:
                return null;
        }
    }

    /// <summary>One write may free a slot and give it to the next.</summary>
    private static string? NameOf(ImmutableArray<Lease> before, ImmutableArray<Lease> next) =>
        next.Except(before).Any() ? "lease.taken" : before.Except(next).Any() ? "lease.freed" : null;

    private static string? NameOf(CallbackGrainState? before, CallbackGrainState next)
    {
        if (next.Callbacks.Count > (before?.Callbacks.Count ?? 0)) return "callback.owed";
        return Settled(next) > Settled(before!) ? "callback.delivered" : "callback.failed";

        static int Settled(CallbackGrainState state) => state.Callbacks.Count(callback => callback.State != CallbackState.Owed);
    }
}
