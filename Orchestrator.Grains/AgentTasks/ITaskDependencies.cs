using Orchestrator.Interfaces.AgentTasks;

namespace Orchestrator.Grains.AgentTasks;

/// <summary>Which task has to complete before which, beside the catalog. What has become of a task is read from the catalog.</summary>
public interface ITaskDependencies
{
    /// <summary>Adds what a task depends on. Pairs that are there already stay.</summary>
    Task AddAsync(string taskId, IReadOnlyList<string> dependsOn, CancellationToken cancellationToken);

    /// <summary>Forgets what a task depends on: it does not wait any more, or was never stored.</summary>
    Task RemoveAsync(string taskId, CancellationToken cancellationToken);

    /// <summary>Blocked tasks that depend on this one, oldest first.</summary>
    IReadOnlyList<string> FindBlockedBy(string taskId);

    /// <summary>What has become of tasks, by task id; those that are not known are left out.</summary>
    IReadOnlyDictionary<string, DependencyStanding> Look(IReadOnlyList<string> taskIds);
}

/// <summary>What has become of a task that others depend on.</summary>
/// <param name="Status">By its catalog row: a terminal one never changes.</param>
/// <param name="ErrorCode">Its error's code; null: none.</param>
public sealed record DependencyStanding(AgentTaskStatus Status, string? ErrorCode);
