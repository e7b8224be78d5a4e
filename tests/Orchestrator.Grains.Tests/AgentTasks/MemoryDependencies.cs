using Orchestrator.Grains.AgentTasks;
using Orchestrator.Interfaces.AgentTasks;

namespace Orchestrator.Grains.Tests.AgentTasks;

/// <summary>Dependencies beside the catalog that outlives the silo.</summary>
internal sealed class MemoryDependencies(MemoryCatalog catalog) : ITaskDependencies
{
    private readonly Lock _gate = new();
    private readonly HashSet<(string TaskId, string DependsOn)> _pairs = [];

    public int Count
    {
        get
        {
            lock (_gate) return _pairs.Count;
        }
    }

    public Task AddAsync(string taskId, IReadOnlyList<string> dependsOn, CancellationToken cancellationToken)
    {
        lock (_gate) _pairs.UnionWith(dependsOn.Select(other => (taskId, other)));
        return Task.CompletedTask;
    }

    public Task RemoveAsync(string taskId, CancellationToken cancellationToken)
    {
        lock (_gate) _pairs.RemoveWhere(pair => pair.TaskId == taskId);
        return Task.CompletedTask;
    }

    public IReadOnlyList<string> FindBlockedBy(string taskId)
    {
        lock (_gate) return [.. _pairs.Where(pair => pair.DependsOn == taskId && catalog.Find(pair.TaskId)?.Phase == AgentTaskPhase.Blocked).Select(pair => pair.TaskId)];
    }

    public IReadOnlyDictionary<string, DependencyStanding> Look(IReadOnlyList<string> taskIds) => taskIds.Select(catalog.Find).OfType<CatalogEntry>()
        .ToDictionary(row => row.TaskId, row => new DependencyStanding(row.Status, row.ErrorCode), StringComparer.Ordinal);
}
