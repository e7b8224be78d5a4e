using Orchestrator.Interfaces.AgentTasks;

namespace Orchestrator.Grains.AgentTasks;

/// <summary>The names that states have on the wire. They never change.</summary>
public static class WireNames
{
    /// <summary>Such as <c>running</c>.</summary>
    public static string Of(AgentTaskStatus status) => status switch
    {
        AgentTaskStatus.Queued => "queued",
        AgentTaskStatus.Running => "running",
        AgentTaskStatus.Completed => "completed",
        AgentTaskStatus.Failed => "failed",
        AgentTaskStatus.Interrupted => "interrupted",
        AgentTaskStatus.Cancelled => "cancelled",
        _ => throw new InvalidOperationException($"There is no status {status}."),
    };

    /// <summary>Such as <c>preparing</c>.</summary>
    public static string Of(AgentTaskPhase phase) => phase switch
    {
        AgentTaskPhase.Waiting => "waiting",
        AgentTaskPhase.Held => "held",
        AgentTaskPhase.Blocked => "blocked",
        AgentTaskPhase.Preparing => "preparing",
        AgentTaskPhase.Running => "running",
        AgentTaskPhase.Stopping => "stopping",
        AgentTaskPhase.Collecting => "collecting",
        AgentTaskPhase.Ended => "ended",
        _ => throw new InvalidOperationException($"There is no phase {phase}."),
    };
}
