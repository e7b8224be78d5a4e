using Microsoft.Extensions.Logging;
using Orchestrator.EmbeddedSilo.Activations;
using Orchestrator.EmbeddedSilo.CodeGeneration;
using Orleans.Runtime;

namespace Orchestrator.EmbeddedSilo.Timers;

/// <summary>A timer of one activation: each tick is a call to the activation by itself.</summary>
internal sealed partial class GrainTimer : IGrainTimer
{
    private static readonly GrainMethod TickMethod = new(typeof(IGrainTimer), "Tick", [], GrainMethodOptions.OneWay);
    private static readonly TimeSpan LongestTime = TimeSpan.FromMilliseconds(0xfffffffe);

    private readonly Activation _activation;
    private readonly Func<CancellationToken, Task> _callback;
    private readonly bool _interleaves;
    private readonly bool _keepsAlive;
    private readonly CancellationTokenSource _disposal = new();
    private readonly ITimer _timer;
    private TimeSpan _due;
    private TimeSpan _period;
    private bool _isTicking;

    private GrainTimer(Activation activation, Func<CancellationToken, Task> callback, GrainTimerCreationOptions options)
    {
        (_activation, _callback) = (activation, callback);
        (_interleaves, _keepsAlive) = (options.Interleave, options.KeepAlive);

        // A tick belongs to no request: nothing of the one that made the timer goes with it.
        using (ExecutionContext.SuppressFlow())
        {
            _timer = activation.Runtime.Clock.CreateTimer(
                static timer => ((GrainTimer)timer!).OnDue(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }
    }

    public static GrainTimer Start(Activation activation, Func<CancellationToken, Task> callback, GrainTimerCreationOptions options)
    {
        activation.CheckIsCurrent("Grain timers are registered");
        Check(options.DueTime, options.Period);
        var timer = new GrainTimer(activation, callback, options);
        activation.AddTimer(timer);
        timer.Change(options.DueTime, options.Period);
        return timer;
    }

    public void Change(TimeSpan dueTime, TimeSpan period)
    {
        Check(dueTime, period);
        (_due, _period) = (dueTime, period);
        if (!_isTicking) _timer.Change(dueTime, Timeout.InfiniteTimeSpan);
    }

    public void Dispose()
    {
        if (_disposal.IsCancellationRequested) return;
        _disposal.Cancel();
        _timer.Dispose();
        _activation.RemoveTimer(this);
    }

    private static void Check(TimeSpan dueTime, TimeSpan period)
    {
        CheckTime(dueTime, nameof(dueTime));
        CheckTime(period, nameof(period));

        static void CheckTime(TimeSpan time, string name)
        {
            if (time == Timeout.InfiniteTimeSpan) return;
            ArgumentOutOfRangeException.ThrowIfLessThan(time, TimeSpan.Zero, name);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(time, LongestTime, name);
        }
    }

    private void OnDue() => _activation.TryEnqueue(new Tick(this));

    private async Task TickAsync()
    {
        if (_disposal.IsCancellationRequested) return;
        _isTicking = true;

        // Unless the callback changes the timer, the next tick is due one period from its end.
        _due = _period;
        try
        {
            await _callback(_disposal.Token);
        }
        catch (Exception exception)
        {
            // A tick has no caller who could take its exception; the next tick comes all the same.
            LogTickFailed(_activation.Runtime.Log, exception, _activation.GrainId);
        }
        finally
        {
            _isTicking = false;
            if (!_disposal.IsCancellationRequested) _timer.Change(_due, Timeout.InfiniteTimeSpan);
        }
    }

    [LoggerMessage(30, LogLevel.Warning, "A timer tick of {Grain} failed; the timer goes on.")]
    private static partial void LogTickFailed(ILogger logger, Exception exception, GrainId grain);

    private sealed class Tick(GrainTimer timer) : GrainCall<Nothing>(TickMethod)
    {
        internal override bool AlwaysInterleaves => timer._interleaves;

        internal override bool KeepsAlive => timer._keepsAlive;

        internal override bool IsLocal => true;

        protected override ValueTask<Nothing> InvokeAsync(object grain) => Nothing.From(timer.TickAsync());
    }
}
