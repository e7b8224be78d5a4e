using Orchestrator.Grains.AgentTasks;
using Orchestrator.Interfaces.AgentTasks;

namespace Orchestrator.Grains.Tests.AgentTasks;

/// <summary>A catalog that outlives the silo, and tells when a row is as a test waits for.</summary>
internal sealed class MemoryCatalog : IAgentTaskCatalog
{
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(20);

    private readonly Lock _gate = new();
    private readonly Dictionary<string, CatalogEntry> _rows = new(StringComparer.OrdinalIgnoreCase);
    private readonly List<(Func<IReadOnlyCollection<CatalogEntry>, bool> Condition, TaskCompletionSource Reached)> _waits = [];

    public Task<CatalogAddOutcome> AddAsync(CatalogEntry entry, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            if (_rows.TryGetValue(entry.TaskId, out var known)) return Task.FromResult(known.TaskId == entry.TaskId ? CatalogAddOutcome.Exists : CatalogAddOutcome.CaseConflict);
            Set(entry);
            return Task.FromResult(CatalogAddOutcome.Added);
        }
    }

    public Task UpdateAsync(CatalogEntry entry, CancellationToken cancellationToken)
    {
        lock (_gate) Set(entry);
        return Task.CompletedTask;
    }

    public Task RemoveAsync(string taskId, CancellationToken cancellationToken)
    {
        lock (_gate) _rows.Remove(taskId);
        return Task.CompletedTask;
    }

    public IReadOnlyList<CatalogEntry> ReadOpen()
    {
        lock (_gate) return [.. _rows.Values.Where(row => row.Phase != AgentTaskPhase.Ended || row.OwesCallback).OrderBy(row => row.CreatedAt)];
    }

    public CatalogEntry? Find(string taskId)
    {
        lock (_gate) return _rows.GetValueOrDefault(taskId) is { } row && row.TaskId == taskId ? row : null;
    }

    public CatalogPage ReadPage(CatalogQuery query) => throw new NotSupportedException("No grain asks for pages.");

    public int CountOwing()
    {
        lock (_gate) return _rows.Values.Count(row => row.OwesCallback);
    }

    /// <summary>Waits until the row of a task is as expected.</summary>
    public Task ReachedAsync(string taskId, Func<CatalogEntry, bool> condition, string expected) =>
        ReachedAsync(rows => rows.Any(row => row.TaskId == taskId && condition(row)), $"task {taskId} {expected}");

    public Task ReachedAsync(string taskId, AgentTaskPhase phase) => ReachedAsync(taskId, row => row.Phase == phase, $"is {phase}");

    public async Task ReachedAsync(Func<IReadOnlyCollection<CatalogEntry>, bool> condition, string expected)
    {
        TaskCompletionSource reached;
        lock (_gate)
        {
            if (condition(_rows.Values)) return;
            reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
            _waits.Add((condition, reached));
        }

        try
        {
            await reached.Task.WaitAsync(LongestWait);
        }
        catch (TimeoutException)
        {
            lock (_gate) Assert.Fail($"Expected within {LongestWait.TotalSeconds} s: {expected}. Rows: {string.Join("; ", _rows.Values.Select(row => $"{row.TaskId} {row.Phase} {row.Status} attempt {row.Attempt}"))}");
        }
    }

    /// <summary>Looks again at what tests wait for: something beside the rows has changed.</summary>
    public void Recheck()
    {
        lock (_gate) Release();
    }

    private void Set(CatalogEntry entry)
    {
        _rows[entry.TaskId] = entry;
        Release();
    }

    private void Release()
    {
        foreach (var wait in _waits.Where(wait => wait.Condition(_rows.Values)).ToList())
        {
            wait.Reached.TrySetResult();
            _waits.Remove(wait);
        }
    }
}
