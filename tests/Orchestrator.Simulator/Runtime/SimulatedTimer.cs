using Orleans.Runtime;

namespace Orchestrator.Simulator.Runtime;

/// <summary>A timer of one activation. As Orchestrator.EmbeddedSilo/Timers/GrainTimer.cs: the next tick is due one period after the last one ended.</summary>
internal sealed class SimulatedTimer(Activation activation, Func<CancellationToken, Task> callback) : IGrainTimer
{
    private TimeSpan _due;
    private TimeSpan _period;
    private Alarm? _alarm;
    private bool _isTicking;
    private bool _isDisposed;

    private Alarms Clock => activation.Silo.World.Clock;

    public void Change(TimeSpan dueTime, TimeSpan period)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(dueTime, TimeSpan.FromDays(49));
        (_due, _period) = (dueTime, period);
        if (!_isTicking) Set();
    }

    public void Dispose()
    {
        if (_isDisposed) return;
        _isDisposed = true;
        if (_alarm is not null) Clock.Remove(_alarm);
        activation.Remove(this);
    }

    private void Set()
    {
        if (_alarm is not null) Clock.Remove(_alarm);
        _alarm = null;
        if (_due == Timeout.InfiniteTimeSpan || _isDisposed) return;
        _alarm = Clock.Set($"timer {activation.Name}", _due, OnDue, isEndless: _period != Timeout.InfiniteTimeSpan && activation.IsKept);
    }

    private void OnDue()
    {
        _alarm = null;
        var call = new Call($"tick {activation.Name}", _ => TickAsync(), null, IsLocal: true) { Method = "Tick" };
        activation.Silo.World.Agenda.Add(new(ItemKind.Call, call.Label, (_, _) =>
        {
            if (!_isDisposed) activation.Enqueue(call);
        }));
    }

    private async Task TickAsync()
    {
        if (_isDisposed) return;
        _isTicking = true;
        _due = _period;
        try
        {
            await callback(CancellationToken.None);
        }
        catch (Exception exception) when (exception is OrleansException or TimeoutException)
        {
            // A tick has no caller; the next one comes all the same.
        }
        finally
        {
            _isTicking = false;
            Set();
        }
    }
}
