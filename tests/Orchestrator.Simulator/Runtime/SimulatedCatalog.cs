using Orchestrator.Grains.AgentTasks;
using Orchestrator.Interfaces.AgentTasks;
using Orleans.Runtime;

namespace Orchestrator.Simulator.Runtime;

/// <summary>The rows beside the states. As Orchestrator.Silo/Storage/SqliteAgentTaskCatalog.Embedded.cs: reads see what is committed.</summary>
internal sealed class SimulatedCatalog(World world) : IAgentTaskCatalog
{
    private readonly SortedDictionary<string, CatalogEntry> _rows = new(StringComparer.Ordinal);

    public IReadOnlyCollection<CatalogEntry> Rows => _rows.Values;

    public CatalogEntry? Find(string taskId) => _rows.GetValueOrDefault(taskId);

    public Task<CatalogAddOutcome> AddAsync(CatalogEntry entry, CancellationToken cancellationToken)
    {
        var added = new Completion<CatalogAddOutcome>();
        Write($"row new {entry.TaskId}", added, () => _rows.TryAdd(entry.TaskId, entry) ? CatalogAddOutcome.Added : CatalogAddOutcome.Exists);
        return added.Task;
    }

    public Task UpdateAsync(CatalogEntry entry, CancellationToken cancellationToken)
    {
        var updated = new Completion<bool>();
        Write($"row {entry.TaskId}", updated, () =>
        {
            _rows[entry.TaskId] = entry;
            return true;
        });
        return updated.Task;
    }

    public Task RemoveAsync(string taskId, CancellationToken cancellationToken)
    {
        var removed = new Completion<bool>();
        Write($"row gone {taskId}", removed, () => _rows.Remove(taskId));
        return removed.Task;
    }

    public IReadOnlyList<CatalogEntry> ReadOpen() =>
        world.Mutations.Forget([.. _rows.Values.Where(row => row.Phase != AgentTaskPhase.Ended || row.OwesCallback).OrderBy(row => row.CreatedAt)]);

    public CatalogPage ReadPage(CatalogQuery query) => throw new NotSupportedException("No grain asks for pages.");

    public int CountOwing() => _rows.Values.Count(row => row.OwesCallback);

    private void Write<T>(string label, Completion<T> completion, Func<T> write) => world.Agenda.Add(new(ItemKind.Write, label, (fate, _) =>
    {
        if (fate == Fate.Failed)
        {
            completion.Fail(new OrleansException("The row cannot be written."));
            return;
        }

        var result = write();
        if (fate == Fate.Done) completion.Complete(result);
        else completion.Fail(new OrleansException("The row was written, and the database says that it was not."));
    })
    {
        Crash = number =>
        {
            if (number == 1) write();
        },
    });
}
