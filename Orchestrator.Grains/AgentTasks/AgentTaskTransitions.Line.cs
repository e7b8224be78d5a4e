using Orchestrator.Interfaces.AgentTasks;

namespace Orchestrator.Grains.AgentTasks;

/// <content>What happens to a task that waits: for others that have to complete first, and for its turn.</content>
internal static partial class AgentTaskTransitions
{
    /// <summary>Another place in the line. A task that has its slot keeps the priority for the next time it waits.</summary>
    public static (AgentTaskState Next, bool HasEnded) Reprioritize(AgentTaskState state, int priority, DateTimeOffset now)
    {
        if (state.CompletedAt is not null) return (state, true);
        if (state.Priority == priority) return (state, false);
        return ((state with { NewPriority = priority }).Noting(now, "priority_changed", $"from {state.Priority} to {priority}"), false);
    }

    /// <summary>
    /// What has become of the tasks that have to complete first: when all have, this one waits for its slot, with its own age; when one ended otherwise, or is gone, this one fails.
    /// </summary>
    public static AgentTaskState DependenciesSeen(AgentTaskState state, IReadOnlyDictionary<string, DependencyStanding> seen, DateTimeOffset now)
    {
        if (state.Phase != AgentTaskPhase.Blocked || state.WaitsFor.IsEmpty) return state;
        foreach (var id in state.WaitsFor)
        {
            var standing = seen.GetValueOrDefault(id);
            if (standing is null) return End(state, AgentTaskStatus.Failed, null, TaskErrors.Dependency($"Task {id}, on which it depends, is not known any more."), now);
            if (standing.Status is AgentTaskStatus.Failed or AgentTaskStatus.Interrupted or AgentTaskStatus.Cancelled)
                return End(state, AgentTaskStatus.Failed, null, TaskErrors.Dependency($"Task {id}, on which it depends, was not completed: {Words(standing)}."), now);
        }

        var completed = state.WaitsFor.Where(id => seen[id].Status == AgentTaskStatus.Completed).ToList();
        if (completed.Count == 0) return state;
        var next = (state with { WaitsFor = state.WaitsFor.RemoveRange(completed) }).Noting(now, "dependency_completed", string.Join(", ", completed));
        return next.WaitsFor.IsEmpty ? next with { Phase = AgentTaskPhase.Waiting } : next;
    }

    private static AgentTaskState BlockedBy(AgentTaskState state, DateTimeOffset now) => state.Facts.DependsOn.IsEmpty
        ? state
        : (state with { Phase = AgentTaskPhase.Blocked, WaitsFor = state.Facts.DependsOn }).Noting(now, "waits_for", string.Join(", ", state.Facts.DependsOn));

    private static string Words(DependencyStanding standing) =>
        standing.ErrorCode is { } code ? $"{WireNames.Of(standing.Status)} ({code})" : WireNames.Of(standing.Status);
}
