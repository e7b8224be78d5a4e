using Orchestrator.Grains.AgentTasks;
using Orchestrator.Interfaces.AgentTasks;
using Orleans.Runtime;

namespace Orchestrator.Simulator.Runtime;

/// <summary>Who waits for whom. As Orchestrator.Silo/Storage/SqliteTaskDependencies.Embedded.cs: pairs beside the catalog, whose rows say what has become of a task.</summary>
internal sealed class SimulatedDependencies(World world) : ITaskDependencies
{
    private readonly SortedSet<(string TaskId, string DependsOn)> _pairs = [];

    public Task AddAsync(string taskId, IReadOnlyList<string> dependsOn, CancellationToken cancellationToken) => WriteAsync($"link {taskId}", () =>
    {
        foreach (var other in dependsOn) _pairs.Add((taskId, other));
    });

    public Task RemoveAsync(string taskId, CancellationToken cancellationToken) => WriteAsync($"unlink {taskId}", () => _pairs.RemoveWhere(pair => pair.TaskId == taskId));

    public IReadOnlyList<string> FindBlockedBy(string taskId) =>
        [.. _pairs.Where(pair => pair.DependsOn == taskId && world.Catalog.Find(pair.TaskId) is { Phase: AgentTaskPhase.Blocked }).Select(pair => pair.TaskId)];

    public IReadOnlyDictionary<string, DependencyStanding> Look(IReadOnlyList<string> taskIds) => taskIds.Select(world.Catalog.Find).OfType<CatalogEntry>()
        .ToDictionary(row => row.TaskId, row => new DependencyStanding(row.Status, row.ErrorCode), StringComparer.Ordinal);

    private Task<bool> WriteAsync(string label, Action write)
    {
        var written = new Completion<bool>();
        world.Agenda.Add(new(ItemKind.Write, label, (fate, _) =>
        {
            if (fate != Fate.Failed) write();
            if (fate == Fate.Done) written.Complete(true);
            else written.Fail(new OrleansException("The pairs cannot be written, it seems."));
        })
        {
            Crash = number =>
            {
                if (number == 1) write();
            },
        });
        return written.Task;
    }
}
