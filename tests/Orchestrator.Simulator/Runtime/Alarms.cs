namespace Orchestrator.Simulator.Runtime;

/// <summary>What happens when time has passed.</summary>
internal sealed class Alarm(string label, long dueAt, long number, bool isOutside, bool isEndless, Action ring)
{
    public string Label { get; } = label;

    /// <summary>By the steady clock, 100 ns.</summary>
    public long DueAt { get; } = dueAt;

    public long Number { get; } = number;

    /// <summary>Whether it outlives the service.</summary>
    public bool IsOutside { get; } = isOutside;

    /// <summary>Whether it comes again and again as long as the service runs: no sign that there is something to do.</summary>
    public bool IsEndless { get; } = isEndless;

    public Action Ring { get; } = ring;
}

/// <summary>The steady clock, the wall's, and everything that waits for them.</summary>
internal sealed class Alarms : TimeProvider
{
    private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private readonly List<Alarm> _alarms = [];
    private long _numbers;
    private long _now;

    /// <summary>How far the wall clock was set from the steady one.</summary>
    public TimeSpan WallOffset { get; set; }

    /// <summary>The same of a clock that runs steadily.</summary>
    public TimeSpan Elapsed => TimeSpan.FromTicks(_now);

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => _now;

    public override DateTimeOffset GetUtcNow() => Start + TimeSpan.FromTicks(_now) + WallOffset;

    public Alarm Set(string label, TimeSpan wait, Action ring, bool isOutside = false, bool isEndless = false)
    {
        var alarm = new Alarm(label, _now + Math.Max(0, wait.Ticks), _numbers++, isOutside, isEndless, ring);
        _alarms.Add(alarm);
        return alarm;
    }

    public void Remove(Alarm alarm) => _alarms.Remove(alarm);

    /// <summary>The next one; null: nothing but what comes again and again.</summary>
    public Alarm? Next(bool isEndlessToo = true)
    {
        Alarm? next = null;
        foreach (var alarm in _alarms)
        {
            if (alarm.IsEndless && !isEndlessToo) continue;
            if (next is null || alarm.DueAt < next.DueAt || (alarm.DueAt == next.DueAt && alarm.Number < next.Number)) next = alarm;
        }

        return next;
    }

    /// <summary>Lets time pass up to the next alarm, and rings it. False when there is none.</summary>
    public bool RingNext()
    {
        if (Next() is not { } next) return false;
        _now = Math.Max(_now, next.DueAt);
        _alarms.Remove(next);
        next.Ring();
        return true;
    }

    /// <summary>Lets time pass; whatever is due meanwhile rings at the end of it, late.</summary>
    public void Pass(TimeSpan time)
    {
        _now += time.Ticks;
        while (Next() is { } next && next.DueAt <= _now)
        {
            _alarms.Remove(next);
            next.Ring();
        }
    }

    public void Crash() => _alarms.RemoveAll(alarm => !alarm.IsOutside);

    /// <summary>For messages: what is still to come.</summary>
    public string Describe() => string.Join(", ", _alarms.Where(alarm => !alarm.IsEndless).Select(alarm => alarm.Label).Take(10));
}
