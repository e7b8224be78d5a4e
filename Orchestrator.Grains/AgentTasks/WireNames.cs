using System.Text.Json;
using Orchestrator.Interfaces.AgentTasks;

namespace Orchestrator.Grains.AgentTasks;

/// <summary>The names that states have on the wire.</summary>
public static class WireNames
{
    /// <summary>Such as <c>running</c>.</summary>
    public static string Of(AgentTaskStatus status) => JsonNamingPolicy.CamelCase.ConvertName(status.ToString());

    /// <summary>Such as <c>preparing</c>; null once the task has ended.</summary>
    public static string? Of(AgentTaskPhase phase) => phase == AgentTaskPhase.Ended ? null : JsonNamingPolicy.CamelCase.ConvertName(phase.ToString());
}
