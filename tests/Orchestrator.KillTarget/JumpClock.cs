namespace Orchestrator.KillTarget;

/// <summary>
/// The system's clock, which can be put forward in one jump: whatever was to happen meanwhile is due then, all at once. Its timers fire at the jump
/// only.
/// </summary>
internal sealed class JumpClock : TimeProvider
{
    private readonly Lock _gate = new();
    private readonly List<JumpTimer> _timers = [];
    private TimeSpan _ahead;

    public override DateTimeOffset GetUtcNow()
    {
        lock (_gate) return System.GetUtcNow() + _ahead;
    }

    public override long GetTimestamp()
    {
        lock (_gate) return System.GetTimestamp() + (long)(_ahead.TotalSeconds * TimestampFrequency);
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new JumpTimer(this, callback, state);
        lock (_gate) _timers.Add(timer);
        return timer;
    }

    public void Jump(TimeSpan time)
    {
        JumpTimer[] timers;
        lock (_gate)
        {
            _ahead += time;
            timers = [.. _timers];
        }

        foreach (var timer in timers) timer.Fire();
    }

    private sealed class JumpTimer(JumpClock clock, TimerCallback callback, object? state) : ITimer
    {
        public void Fire() => callback(state);

        public bool Change(TimeSpan dueTime, TimeSpan period) => true;

        public void Dispose()
        {
            lock (clock._gate) clock._timers.Remove(this);
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return default;
        }
    }
}
