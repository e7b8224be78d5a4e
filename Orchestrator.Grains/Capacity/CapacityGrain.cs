using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Orchestrator.Grains.AgentTasks;
using Orchestrator.Interfaces.AgentTasks;
using Orchestrator.Interfaces.Capacity;
using Orleans;
using Orleans.Runtime;

namespace Orchestrator.Grains.Capacity;

/// <summary>
/// Holds the leases of one pool and the line of those who wait. Not reentrant, so that each grant sees every earlier one. The line is memory: it is made from the catalog at
/// activation, and compared with it every minute.
/// </summary>
[KeepAlive]
internal sealed partial class CapacityGrain(
    [PersistentState("capacity", GrainStorageNames.Orchestrator)] IPersistentState<CapacityState> state, IAgentTaskCatalog catalog, IAdmissionGate gate,
    IOptions<CapacityOptions> options, TimeProvider clock, ILogger<CapacityGrain> logger) : Grain, ICapacityGrain
{
    private static readonly TimeSpan RecountPeriod = TimeSpan.FromMinutes(1);

    private CapacityBooks _books = CapacityBooks.Of([]);
    private long _admissionsTotal;

    public override async Task OnActivateAsync(CancellationToken cancellationToken)
    {
        _books = CapacityBooks.Of(state.State.Leases);
        await RecountAsync();
        this.RegisterGrainTimer(RecountAsync, new() { DueTime = RecountPeriod, Period = RecountPeriod });
    }

    public Task<AdmissionResult> AdmitAsync(string taskId, CancellationToken cancellationToken)
    {
        if (gate.Refusal is { } refusal) return Task.FromResult(new AdmissionResult(refusal));
        (_books, var answer) = CapacityRules.Admit(_books, taskId, options.Value, clock.GetUtcNow());
        if (answer.Refusal is null) _admissionsTotal++;
        return Task.FromResult(answer);
    }

    public async Task<PlaceInLine> WaitAsync(WaitingEntry entry, CancellationToken cancellationToken)
    {
        await ApplyAsync(CapacityRules.Wait(_books, entry));
        return _books.LeaseOf(entry.TaskId) is { } lease ? new(lease, null) : new(null, PositionOf(entry.TaskId));
    }

    public Task ReleaseAsync(string taskId, int run) => ApplyAsync(CapacityRules.Release(_books, taskId, run));

    public Task<int?> FindPositionAsync(string taskId) => Task.FromResult(PositionOf(taskId));

    public Task<CapacitySnapshot> GetAsync() => Task.FromResult(
        new CapacitySnapshot(options.Value.SlotsMax, _books.Leases.Length, _books.Line.Count, _books.Pending.Count, _admissionsTotal));

    private int? PositionOf(string taskId) => _books.LineByTask.TryGetValue(taskId, out var entry) ? _books.Line.IndexOf(entry) + 1 : null;

    private Task RecountAsync()
    {
        var recounted = CapacityRules.Recount(_books, catalog.ReadOpen(), clock.GetUtcNow());
        var freed = _books.Leases.Except(recounted.Leases).Select(lease => lease.TaskId).ToList();
        if (freed.Count > 0) LogFreed(logger, this.GetPrimaryKeyString(), freed.Count, string.Join(", ", freed.Take(5)));
        return ApplyAsync(recounted);
    }

    /// <summary>Grants what is free, saves the leases when they changed, and tells those who got one; a notice that is lost is re-read by its task.</summary>
    private async Task ApplyAsync(CapacityBooks books)
    {
        // Who shuts down, or has no room for a worktree, starts nothing; the recount goes on with it.
        (_books, var granted) = gate.Refusal is null ? CapacityRules.Grant(books, options.Value, clock.GetUtcNow()) : (books, []);
        if (!_books.Leases.SequenceEqual(state.State.Leases)) await SaveAsync();
        foreach (var lease in granted)
        {
            LogGranted(logger, lease.TaskId, _books.Leases.Length, options.Value.SlotsMax, _books.Line.Count);
            await GrainFactory.GetGrain<IAgentTaskGrain>(lease.TaskId).SlotGranted(lease);
        }
    }

    private async Task SaveAsync()
    {
        try
        {
            state.State = state.State with { Leases = _books.Leases };
            await state.WriteStateAsync();
        }
        catch
        {
            await ReadAgainAsync();
            throw;
        }
    }

    /// <summary>What a failed write has stored is unknown until it is read. Promises are kept: they are in memory only.</summary>
    private async Task ReadAgainAsync()
    {
        try
        {
            await state.ReadStateAsync();
            _books = _books with { Leases = state.State.Leases };
        }
        catch (OrleansException)
        {
            // The next activation reads it, and recounts.
            DeactivateOnIdle();
        }
    }

    [LoggerMessage(200, LogLevel.Information, "Task {TaskId} got a slot: {Leased} of {Slots} taken, {Waiting} wait.")]
    private static partial void LogGranted(ILogger logger, string taskId, int leased, int slots, int waiting);

    [LoggerMessage(201, LogLevel.Warning, "Pool {Pool}: {Count} slots were freed by a recount; their tasks are not known or have ended: {TaskIds}.")]
    private static partial void LogFreed(ILogger logger, string pool, int count, string taskIds);
}
