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
    IAgentAccounts accounts, IOptions<CapacityOptions> options, TimeProvider clock, ILogger<CapacityGrain> logger) : Grain, ICapacityGrain
{
    private static readonly TimeSpan RecountPeriod = TimeSpan.FromMinutes(1);

    private IGrainTimer? _nextLook;
    private CapacityBooks _books = CapacityBooks.Of([]);
    private long _admissionsTotal;

    public override async Task OnActivateAsync(CancellationToken cancellationToken)
    {
        _books = CapacityBooks.Of(state.State);
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

    public Task HoldAccountAsync(string account, DateTimeOffset until)
    {
        var held = CapacityRules.Hold(_books, account, until, clock.GetUtcNow());
        if (!ReferenceEquals(held, _books)) LogHeld(logger, account, until);
        return ApplyAsync(held);
    }

    public Task<int?> FindPositionAsync(string taskId) => Task.FromResult(PositionOf(taskId));

    public Task<CapacitySnapshot> GetAsync() => Task.FromResult(
        new CapacitySnapshot(options.Value.SlotsMax, _books.Leases.Length, _books.Line.Count, _books.Pending.Count, _admissionsTotal)
        {
            HeldAccounts = [.. _books.HeldAccounts.Where(held => held.Until > clock.GetUtcNow())],
        });

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
        (_books, var granted) = gate.Refusal is null ? CapacityRules.Grant(books, options.Value, accounts, clock.GetUtcNow()) : (books, []);
        SetNextLook();
        if (_books.Stored != state.State) await SaveAsync();
        foreach (var lease in granted)
        {
            LogGranted(logger, lease.TaskId, _books.Leases.Length, options.Value.SlotsMax, _books.Line.Count);
            await GrainFactory.GetGrain<IAgentTaskGrain>(lease.TaskId).SlotGranted(lease);
        }
    }

    /// <summary>An account is let go when its time has come; the recount each minute is the net.</summary>
    private void SetNextLook()
    {
        var now = clock.GetUtcNow();
        if (CapacityRules.NextTimeOf(_books, now) - now is not { } wait || wait > RecountPeriod) return;
        _nextLook ??= this.RegisterGrainTimer(() => ApplyAsync(_books), new() { DueTime = Timeout.InfiniteTimeSpan, Period = Timeout.InfiniteTimeSpan });
        _nextLook.Change(wait, Timeout.InfiniteTimeSpan);
    }

    private async Task SaveAsync()
    {
        try
        {
            state.State = _books.Stored;
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
            _books = _books.WithStored(state.State);
        }
        catch (OrleansException)
        {
            // The next activation reads it, and recounts.
            DeactivateOnIdle();
        }
    }

    [LoggerMessage(200, LogLevel.Information, "Task {TaskId} got a slot: {Leased} of {Slots} taken, {Waiting} wait.")]
    private static partial void LogGranted(ILogger logger, string taskId, int leased, int slots, int waiting);

    [LoggerMessage(202, LogLevel.Warning, "Account {Account} is held until {Until}: no agent of it is started before.")]
    private static partial void LogHeld(ILogger logger, string account, DateTimeOffset until);

    [LoggerMessage(201, LogLevel.Warning, "Pool {Pool}: {Count} slots were freed by a recount; their tasks are not known or have ended: {TaskIds}.")]
    private static partial void LogFreed(ILogger logger, string pool, int count, string taskIds);
}
