using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orchestrator.EmbeddedSilo.Calls;
using Orchestrator.EmbeddedSilo.CodeGeneration;
using Orchestrator.EmbeddedSilo.Storage;
using Orchestrator.EmbeddedSilo.Timers;
using Orleans;
using Orleans.Runtime;

namespace Orchestrator.EmbeddedSilo.Activations;

/// <content>How an activation begins and ends.</content>
internal sealed partial class Activation
{
    private GrainReference? _reference;
    private AsyncServiceScope? _scope;
    private List<IPersistentStateBridge>? _states;
    private List<GrainTimer>? _timers;
    private List<IGrainStreamWriter>? _streams;
    private Task? _stageTask;
    private DeactivationReason _reason;
    private CancellationToken _hurry;
    private TaskCompletionSource? _deactivated;
    private long _lastUsedAt;
    private DateTimeOffset _keepUntil;
    private bool _drainsAfterNextCall;

    public GrainReference GrainReference => _reference ??= Runtime.References.Create(Class.MainInterface, GrainId);

    object? IGrainContext.GrainInstance => Grain;

    public IServiceProvider ActivationServices => _scope?.ServiceProvider ?? Runtime.Services;

    public Task Deactivated
    {
        get
        {
            lock (_gate)
            {
                _deactivated ??= new(TaskCreationOptions.RunContinuationsAsynchronously);
                if (_stage == Stage.Gone) _deactivated.TrySetResult();
                return _deactivated.Task;
            }
        }
    }

    private ILogger Log => Runtime.Log;

    /// <inheritdoc />
    public void Deactivate(DeactivationReason deactivationReason, CancellationToken cancellationToken = default)
    {
        bool mustSchedule;
        lock (_gate)
        {
            if (_reason.ReasonCode != DeactivationReasonCode.None || _stage >= Stage.Draining) return;
            _reason = deactivationReason;
            _hurry = cancellationToken;
            if (_stage is Stage.Created or Stage.Activating) return; // ActivateAsync goes on from here.
            _stage = Stage.Draining;
            mustSchedule = !_isScheduled;
            _isScheduled = true;
        }

        if (mustSchedule) Schedule();
    }

    /// <summary>Deactivates when no call has come for the class's collection age. True when it will go.</summary>
    public bool DeactivateIfIdle(long now)
    {
        lock (_gate)
        {
            if (_stage != Stage.Active || _delaying > 0 || _waiting.Count > 0 || Class.KeepsAlive) return false;
            if (_keepUntil > Runtime.Clock.GetUtcNow()) return false;
            if (Runtime.Clock.GetElapsedTime(_lastUsedAt, now) < Class.CollectionAge) return false;
        }

        // A call that comes in between is served first or by the next activation.
        Deactivate(new(DeactivationReasonCode.ActivationIdle, "No call came for a long time."));
        return true;
    }

    public void DelayDeactivation(TimeSpan time)
    {
        lock (_gate)
        {
            _keepUntil = time == Timeout.InfiniteTimeSpan ? DateTimeOffset.MaxValue
                : time <= TimeSpan.Zero ? default
                : Runtime.Clock.GetUtcNow() + time;
        }
    }

    public void AddState(IPersistentStateBridge state) => (_states ??= []).Add(state);

    public void AddTimer(GrainTimer timer) => (_timers ??= []).Add(timer);

    public void RemoveTimer(GrainTimer timer) => _timers?.Remove(timer);

    public void AddStream(IGrainStreamWriter stream) => (_streams ??= []).Add(stream);

    public void RemoveStream(IGrainStreamWriter stream) => _streams?.Remove(stream);

    public void LogUnseenFailure(GrainCall call, Exception exception) => LogCallFailed(Log, exception, call.Method.ToString(), GrainId);

    private Task EnterStage(Stage stage, Func<Task> work)
    {
        _stage = stage;
        return _stageTask = new Task(() => _ = work());
    }

    private async Task ActivateAsync()
    {
        using var timeout = new CancellationTokenSource(Runtime.Collection.ActivationTimeout, Runtime.Clock);
        try
        {
            _scope = Runtime.Services.CreateAsyncScope();
            Grain = Class.Create(this);
            foreach (var state in _states ?? []) await state.LoadAsync(timeout.Token);
            await ((IGrainBase)Grain).OnActivateAsync(timeout.Token).WaitAsync(timeout.Token);
        }
        catch (Exception exception)
        {
            // Whatever fails here is given to the calls that wait; the next call tries again.
            var failure = exception is OperationCanceledException && timeout.IsCancellationRequested
                ? new TimeoutException($"{GrainId} was not activated within {Runtime.Collection.ActivationTimeout}.", exception)
                : exception;
            LogActivationFailed(Log, failure, GrainId);
            StopTimers();
            await LeaveAsync(failure);
            return;
        }

        lock (_gate)
        {
            // One that is already asked to go serves a call first, so that whoever waits gets ahead even if each activation asks for its end.
            var mustGo = _reason.ReasonCode != DeactivationReasonCode.None;
            _drainsAfterNextCall = mustGo && _waiting.Count > 0;
            _stage = mustGo && !_drainsAfterNextCall ? Stage.Draining : Stage.Active;
        }
    }

    private async Task FinishDeactivationAsync()
    {
        StopTimers();
        using var timeout = new CancellationTokenSource(Runtime.Collection.DeactivationTimeout, Runtime.Clock);
        using var hurry = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, _hurry);
        foreach (var stream in _streams?.ToArray() ?? []) await TryAsync(() => stream.AbortAsync().WaitAsync(hurry.Token));
        await TryAsync(() => ((IGrainBase)Grain!).OnDeactivateAsync(_reason, hurry.Token).WaitAsync(hurry.Token));
        await LeaveAsync(null);
    }

    /// <summary>The grain goes in any case; what it could not do on its way out is logged.</summary>
    private async Task TryAsync(Func<Task> step)
    {
        try
        {
            await step();
        }
        catch (Exception exception)
        {
            LogDeactivationFailed(Log, exception, GrainId);
        }
    }

    /// <summary>Leaves the catalog, then hands on or fails the calls that wait.</summary>
    private async Task LeaveAsync(Exception? failure)
    {
        await TryAsync(async () =>
        {
            if (Grain is IAsyncDisposable own) await own.DisposeAsync().AsTask().WaitAsync(Runtime.Collection.DeactivationTimeout, Runtime.Clock);
            else (Grain as IDisposable)?.Dispose();
        });
        if (_scope is { } scope) await TryAsync(() => scope.DisposeAsync().AsTask());
        var left = new List<GrainCall>();
        lock (_gate)
        {
            _stage = Stage.Gone;
            while (_waiting.First is { } call)
            {
                RemoveWaiting(call);
                if (!call.IsAnswered) left.Add(call);
            }

            (Grain, _states, _timers, _streams, _scope) = (null, null, null, null, null);
            _deactivated?.TrySetResult();
        }

        Runtime.Catalog.Remove(this);
        foreach (var call in left)
        {
            if ((call.IsLocal ? call.Loss() : failure) is { } exception) call.TryFail(exception);
            else if (!call.IsLocal) Runtime.Forward(call);
        }
    }

    private void StopTimers()
    {
        foreach (var timer in _timers?.ToArray() ?? []) timer.Dispose();
    }

    [LoggerMessage(10, LogLevel.Error, "{Grain} could not be activated; the calls that wait for it fail with this.")]
    private static partial void LogActivationFailed(ILogger logger, Exception exception, GrainId grain);

    [LoggerMessage(11, LogLevel.Error, "{Grain} failed while it was deactivated; it is gone all the same.")]
    private static partial void LogDeactivationFailed(ILogger logger, Exception exception, GrainId grain);

    [LoggerMessage(12, LogLevel.Warning, "{Method} of {Grain} failed, and nobody waits for it to hear that.")]
    private static partial void LogCallFailed(ILogger logger, Exception exception, string method, GrainId grain);
}
