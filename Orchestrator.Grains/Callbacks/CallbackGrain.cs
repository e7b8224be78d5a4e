using Microsoft.Extensions.Logging;
using Orchestrator.Interfaces.AgentTasks;
using Orchestrator.Interfaces.Callbacks;
using Orleans;
using Orleans.Runtime;

namespace Orchestrator.Grains.Callbacks;

/// <summary>
/// Delivers what one task owes, one callback after the other, one try at a time. Not reentrant, so that each turn sees what the last one stored. A try runs beside the grain and
/// reports by <see cref="TryEnded"/>; that one is under way is known in memory only: after a restart it is tried again (at least once).
/// </summary>
internal sealed partial class CallbackGrain(
    [PersistentState("callback", "orchestrator")] IPersistentState<CallbackGrainState> state,
    ICallbackTransport transport, TimeProvider clock, ILogger<CallbackGrain> logger) : Grain, ICallbackGrain, IRemindable
{
    private const string ReminderName = "callback";
    private static readonly TimeSpan ReminderPeriod = TimeSpan.FromMinutes(1);

    private (string CallbackId, DateTimeOffset At, long Timestamp)? _underWay;
    private IGrainTimer? _timer;
    private (string? CallbackId, DateTimeOffset? NextTryAt, long? UnderWay) _timerPurpose;

    /// <summary>Takes up the stored schedule.</summary>
    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        SetTimer();
        return Task.CompletedTask;
    }

    public async Task DeliverAsync(OwedCallback owed)
    {
        ArgumentNullException.ThrowIfNull(owed);
        if (CallbackRules.Find(state.State, owed.Id) is { State: not CallbackState.Owed } settled)
        {
            Report(settled);
            return;
        }

        // The reminder first: a schedule without one would be forgotten by a crash, one without a schedule removes itself.
        var next = CallbackRules.Deliver(state.State, owed, clock.GetUtcNow());
        if (CallbackRules.FirstOwed(state.State) is null)
            await this.RegisterOrUpdateReminder(ReminderName, ReminderPeriod, ReminderPeriod);
        if (next != state.State) await SaveAsync(next);
        TryIfDue();
    }

    public Task Wake()
    {
        Try(isDueNow: true);
        return Task.CompletedTask;
    }

    public async Task TryEnded(string callbackId, CallbackTry result)
    {
        ArgumentNullException.ThrowIfNull(result);
        if (_underWay is { } underWay && underWay.CallbackId == callbackId && result.At >= underWay.At) _underWay = null;
        var next = CallbackRules.End(state.State, callbackId, result, clock.GetUtcNow());
        if (next != state.State) await EndAsync(callbackId, result, next);
        TryIfDue();
    }

    public Task<IReadOnlyList<CallbackSnapshot>> GetAsync() =>
        Task.FromResult<IReadOnlyList<CallbackSnapshot>>([.. state.State.Callbacks.Select(CallbackRules.Show)]);

    /// <summary>The net under the timer: a minute late at most.</summary>
    public async Task ReceiveReminder(string reminderName, TickStatus status)
    {
        TryIfDue();
        await UnregisterWhenNothingIsOwedAsync();
    }

    private async Task EndAsync(string callbackId, CallbackTry result, CallbackGrainState next)
    {
        await SaveAsync(next);
        var record = CallbackRules.Find(next, callbackId)!;
        switch (record.State)
        {
            case CallbackState.Delivered:
                LogDelivered(logger, callbackId, record.TryCount);
                break;
            case CallbackState.Dead:
                LogDead(logger, callbackId, record.TryCount, result.Status, result.Error);
                break;
            default:
                LogTryFailed(logger, callbackId, record.TryCount, result.Status, result.Error, record.NextTryAt);
                return;
        }

        Report(record);
        await UnregisterWhenNothingIsOwedAsync();
    }

    private void TryIfDue() => Try(isDueNow: false);

    private void Try(bool isDueNow)
    {
        var now = clock.GetUtcNow();
        if (CallbackRules.FirstOwed(state.State) is { } first && !IsUnderWay() && (isDueNow || CallbackRules.WaitUntilDue(first, now) == TimeSpan.Zero))
        {
            _underWay = (first.Owed.Id, now, clock.GetTimestamp());
            transport.BeginTry(this.GetPrimaryKeyString(), first.Owed);
        }

        SetTimer();
    }

    private bool IsUnderWay() => _underWay is { } underWay && clock.GetElapsedTime(underWay.Timestamp) < CallbackRules.TryLostAfter;

    /// <summary>For the next moment at which there may be something to do, if there is one. A timer that is set for it already is left alone.</summary>
    private void SetTimer()
    {
        var first = CallbackRules.FirstOwed(state.State);
        var underWay = IsUnderWay() ? _underWay!.Value.Timestamp : (long?)null;
        var purpose = (first?.Owed.Id, first?.NextTryAt, underWay);
        if (purpose == _timerPurpose) return;
        _timerPurpose = purpose;

        var wait = Timeout.InfiniteTimeSpan;
        if (underWay is { } began) wait = CallbackRules.TryLostAfter - clock.GetElapsedTime(began);
        else if (first is not null) wait = CallbackRules.WaitUntilDue(first, clock.GetUtcNow());
        if (_timer is not null) _timer.Change(wait, Timeout.InfiniteTimeSpan);
        else if (wait != Timeout.InfiniteTimeSpan) _timer = this.RegisterGrainTimer(OnTimerAsync, new GrainTimerCreationOptions(wait, Timeout.InfiniteTimeSpan));
    }

    private Task OnTimerAsync(CancellationToken cancellationToken)
    {
        _timerPurpose = default;
        TryIfDue();
        return Task.CompletedTask;
    }

    /// <summary>After a failed write nobody knows what is stored: the next activation reads it.</summary>
    private async Task SaveAsync(CallbackGrainState next)
    {
        state.State = next;
        try
        {
            await state.WriteStateAsync();
        }
        catch
        {
            DeactivateOnIdle();
            throw;
        }
    }

    /// <summary>One way, after saving. A notice that is lost is asked for again by <see cref="DeliverAsync"/>.</summary>
    private void Report(CallbackRecord settled) =>
        _ = GrainFactory.GetGrain<IAgentTaskGrain>(this.GetPrimaryKeyString()).CallbackSettled(settled.Owed.Id, settled.State);

    private async Task UnregisterWhenNothingIsOwedAsync()
    {
        if (CallbackRules.FirstOwed(state.State) is not null) return;
        try
        {
            if (await this.GetReminder(ReminderName) is { } reminder) await this.UnregisterReminder(reminder);
        }
        catch (Exception exception)
        {
            // What is settled is stored; the reminder's next tick removes it.
            LogReminderLeft(logger, exception, this.GetPrimaryKeyString());
        }
    }

    [LoggerMessage(700, LogLevel.Information, "Callback {CallbackId} is delivered, by try {TryCount}.")]
    private static partial void LogDelivered(ILogger logger, string callbackId, int tryCount);

    [LoggerMessage(701, LogLevel.Warning, "Callback {CallbackId}: try {TryCount} failed (status {Status}: {Error}); the next one is due {NextTryAt}.")]
    private static partial void LogTryFailed(ILogger logger, string callbackId, int tryCount, int? status, string? error, DateTimeOffset? nextTryAt);

    [LoggerMessage(702, LogLevel.Error, "Callback {CallbackId} is given up after {TryCount} tries (status {Status}: {Error}): its receiver does not know how the task ended.")]
    private static partial void LogDead(ILogger logger, string callbackId, int tryCount, int? status, string? error);

    [LoggerMessage(703, LogLevel.Warning, "The callback reminder of task {TaskId} could not be removed; its next tick tries again.")]
    private static partial void LogReminderLeft(ILogger logger, Exception exception, string taskId);
}
