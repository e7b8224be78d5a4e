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
    IAgentAccounts accounts, IMachineMemory memory, IOptions<CapacityOptions> options, TimeProvider clock, ILogger<CapacityGrain> logger) : Grain, ICapacityGrain
{
    private static readonly TimeSpan RecountPeriod = TimeSpan.FromMinutes(1);

    /// <summary>How soon a machine that could not start anything is looked at again.</summary>
    private static readonly TimeSpan ObstaclePeriod = TimeSpan.FromSeconds(5);

    private IGrainTimer? _nextLook;
    private string? _obstacle;
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
        (_books, var answer) = CapacityRules.Admit(_books, taskId, options.Value, clock.GetUtcNow(), options.Value.QueueLimit == 0 ? FindObstacle() : null);
        if (answer.Refusal is null) _admissionsTotal++;
        return Task.FromResult(answer);
    }

    public async Task<PlaceInLine> WaitAsync(WaitingEntry entry, CancellationToken cancellationToken)
    {
        // Ten thousand that ask again by their reminders change nothing, and nothing is to be given out for that: the recount of each minute is the net.
        var books = CapacityRules.Wait(_books, entry);
        if (!ReferenceEquals(books, _books)) await ApplyAsync(books);
        return _books.LeaseOf(entry.TaskId) is { } lease ? new(lease, null) : new(null, PositionOf(entry.TaskId));
    }

    public Task StandAsideAsync(string taskId, int run) => ApplyAsync(CapacityRules.StandAside(_books, taskId, run));

    public Task ReleaseAsync(string taskId, int run) => ApplyAsync(CapacityRules.Release(_books, taskId, run));

    public Task HoldAccountAsync(string account, DateTimeOffset until, DateTimeOffset? since = null)
    {
        var held = CapacityRules.Hold(_books, account, until, clock.GetUtcNow(), since);
        if (!ReferenceEquals(held, _books)) LogHeld(logger, account, until);
        return ApplyAsync(held);
    }

    public async Task<HeldAccount?> EndHoldAsync(string account)
    {
        var held = _books.HeldAccounts.FirstOrDefault(held => held.Account == account && held.IsHeldAt(clock.GetUtcNow()));
        if (held is not null) LogHoldEnded(logger, account, held.Until);
        await ApplyAsync(CapacityRules.EndHold(_books, account));
        return held;
    }

    public async Task<CapacitySnapshot> SetModeAsync(PoolMode mode)
    {
        if (mode != _books.Mode) LogMode(logger, this.GetPrimaryKeyString(), mode, _books.Leases.Length, _books.Line.Count + _books.Aside.Count);
        await ApplyAsync(_books with { Mode = mode });
        return Snapshot();
    }

    public Task<WaitingPlace> FindPlaceAsync(string taskId) => Task.FromResult(
        _books.LineByTask.TryGetValue(taskId, out var entry) ? new WaitingPlace(PositionOf(taskId), SlotRules.ReasonOf(_books, entry, Conditions(_books))) : new(null, null));

    public Task<CapacitySnapshot> GetAsync() => Task.FromResult(Snapshot());

    private CapacitySnapshot Snapshot() => new(options.Value.SlotsMax, _books.Leases.Length, _books.Line.Count, _books.Pending.Count, _admissionsTotal)
    {
        HeldAccounts = [.. _books.HeldAccounts.Where(held => held.IsHeldAt(clock.GetUtcNow()))],
        Aside = _books.Aside.Count,
        Mode = _books.Mode,
        GivesNone = SlotRules.ReasonOf(_books.Mode) ?? FindObstacle(),
    };

    /// <summary>The machine is looked at only when somebody could start.</summary>
    private SlotConditions Conditions(CapacityBooks books) => new(options.Value, accounts, clock.GetUtcNow(), SlotRules.HasUse(books, options.Value) ? FindObstacle() : null);

    private string? FindObstacle() => SlotObstacles.Find(gate, memory, options.Value);

    private int? PositionOf(string taskId) => _books.LineByTask.TryGetValue(taskId, out var entry) ? _books.Line.IndexOf(entry) + 1 : null;

    private async Task RecountAsync()
    {
        var open = catalog.ReadOpen();
        var recounted = CapacityRules.Recount(_books, open, clock.GetUtcNow());
        var kept = recounted.Leases.Select(lease => lease.TaskId).ToHashSet(StringComparer.Ordinal);
        var freed = _books.Leases.Where(lease => !kept.Contains(lease.TaskId)).Select(lease => lease.TaskId).ToList();
        if (freed.Count > 0) LogFreed(logger, this.GetPrimaryKeyString(), freed.Count, string.Join(", ", freed.Take(5)));
        await ApplyAsync(recounted);

        // Who has no reminder, because it was never stored, is told again that it has a slot, and gives it back.
        foreach (var lease in CapacityRules.NotTakenUp(_books, open, clock.GetUtcNow())) await GrainFactory.GetGrain<IAgentTaskGrain>(lease.TaskId).SlotGranted(lease);
    }

    /// <summary>Grants what is free, saves what is stored when it changed, and tells those who got a slot; a notice that is lost is re-read by its task.</summary>
    private async Task ApplyAsync(CapacityBooks books)
    {
        var conditions = Conditions(books);
        (_books, var granted) = SlotRules.Grant(books, conditions);
        NoteObstacle(conditions.Obstacle);
        SetNextLook();
        if (_books.Stored != state.State) await SaveAsync();
        foreach (var lease in granted)
        {
            LogGranted(logger, lease.TaskId, _books.Leases.Length, options.Value.SlotsMax, _books.Line.Count);
            await GrainFactory.GetGrain<IAgentTaskGrain>(lease.TaskId).SlotGranted(lease);
        }
    }

    /// <summary>Says once for each change what keeps everybody waiting; figures alone are no change.</summary>
    private void NoteObstacle(string? obstacle)
    {
        if (obstacle is not null && _obstacle is null) LogObstacle(logger, obstacle, _books.Line.Count);
        else if (obstacle is null && _obstacle is not null) LogNoObstacle(logger, _obstacle);
        _obstacle = obstacle;
    }

    /// <summary>Looks again when an account's time has come, or soon when the machine was in the way; the recount each minute is the net.</summary>
    private void SetNextLook()
    {
        var now = clock.GetUtcNow();
        var wait = SlotRules.NextTimeOf(_books, now) - now;
        if (_obstacle is not null && (wait is null || wait > ObstaclePeriod)) wait = ObstaclePeriod;
        if (wait is not { } due || due > RecountPeriod) return;
        _nextLook ??= this.RegisterGrainTimer(() => ApplyAsync(_books), new() { DueTime = Timeout.InfiniteTimeSpan, Period = Timeout.InfiniteTimeSpan });
        _nextLook.Change(due, Timeout.InfiniteTimeSpan);
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

    [LoggerMessage(203, LogLevel.Warning, "Pool {Pool} is {Mode}: {Leased} run, {Waiting} wait.")]
    private static partial void LogMode(ILogger logger, string pool, PoolMode mode, int leased, int waiting);

    [LoggerMessage(204, LogLevel.Warning, "No agent is started: {Obstacle}; {Waiting} tasks are in the line.")]
    private static partial void LogObstacle(ILogger logger, string obstacle, int waiting);

    [LoggerMessage(205, LogLevel.Information, "Agents are started again; what was in the way is gone or nobody waits: {Obstacle}.")]
    private static partial void LogNoObstacle(ILogger logger, string obstacle);

    [LoggerMessage(202, LogLevel.Warning, "Account {Account} is held until {Until}: no agent of it is started before.")]
    private static partial void LogHeld(ILogger logger, string account, DateTimeOffset until);

    [LoggerMessage(206, LogLevel.Warning, "Account {Account} was held until {Until}, and is released by hand.")]
    private static partial void LogHoldEnded(ILogger logger, string account, DateTimeOffset until);

    [LoggerMessage(201, LogLevel.Warning, "Pool {Pool}: {Count} slots were freed by a recount; their tasks are not known or have ended: {TaskIds}.")]
    private static partial void LogFreed(ILogger logger, string pool, int count, string taskIds);
}
