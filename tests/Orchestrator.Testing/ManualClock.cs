namespace Orchestrator.Testing;

/// <summary>
/// A clock that stands still until a test moves it. Timers that come due fire on the thread that moves it, in the order of their due times, each
/// seeing its own due time as now.
/// </summary>
public sealed class ManualClock(DateTimeOffset? start = null) : TimeProvider
{
    private readonly Lock _gate = new();
    private readonly List<ManualTimer> _timers = [];
    private readonly List<(long DueAt, TaskCompletionSource IsSet)> _awaited = [];
    private DateTimeOffset _now = start ?? new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private TimeSpan _wallClockOffset;
    private long _ticks;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

    public override DateTimeOffset GetUtcNow()
    {
        lock (_gate) return _now + _wallClockOffset;
    }

    public override long GetTimestamp()
    {
        lock (_gate) return _ticks;
    }

    /// <summary>Lets time pass.</summary>
    public void Advance(TimeSpan time)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(time, TimeSpan.Zero);
        long target;
        lock (_gate) target = _ticks + time.Ticks;
        while (true)
        {
            ManualTimer? next;
            lock (_gate)
            {
                next = _timers.Where(timer => timer.DueAt <= target).MinBy(timer => timer.DueAt);
                var until = next is null ? target : Math.Max(_ticks, next.DueAt);
                _now += TimeSpan.FromTicks(until - _ticks);
                _ticks = until;
                next?.Reschedule();
            }

            if (next is null) return;
            next.Fire();
        }
    }

    /// <summary>
    /// Completes once a timer is due exactly that long from now; at once when there is one. For a timer that another thread is about to set: moving
    /// the clock before that would set it off later than the test wants.
    /// </summary>
    public Task TimerDueInAsync(TimeSpan time)
    {
        lock (_gate)
        {
            var dueAt = _ticks + time.Ticks;
            if (_timers.Any(timer => timer.DueAt == dueAt)) return Task.CompletedTask;
            var isSet = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _awaited.Add((dueAt, isSet));
            return isSet.Task;
        }
    }

    /// <summary>Moves the wall clock only, as an administrator or NTP would: no timer notices.</summary>
    public void SetWallClockForward(TimeSpan time)
    {
        lock (_gate) _wallClockOffset += time;
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new ManualTimer(this, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    private sealed class ManualTimer(ManualClock clock, TimerCallback callback, object? state) : ITimer
    {
        private readonly ExecutionContext? _context = ExecutionContext.Capture();
        private TimeSpan _period;

        public long DueAt { get; private set; }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (clock._gate)
            {
                clock._timers.Remove(this);
                _period = period;
                if (dueTime == Timeout.InfiniteTimeSpan) return true;
                DueAt = clock._ticks + dueTime.Ticks;
                clock._timers.Add(this);
                foreach (var awaited in clock._awaited.Where(awaited => awaited.DueAt == DueAt)) awaited.IsSet.TrySetResult();
                clock._awaited.RemoveAll(awaited => awaited.DueAt == DueAt);
                return true;
            }
        }

        public void Reschedule()
        {
            if (_period > TimeSpan.Zero) DueAt += _period.Ticks;
            else clock._timers.Remove(this);
        }

        public void Fire()
        {
            if (_context is null) callback(state);
            else ExecutionContext.Run(_context, _ => callback(state), null);
        }

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
