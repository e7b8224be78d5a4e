namespace Orchestrator.Grains.AgentTasks;

/// <summary>Notices that the wall clock was set, or that the machine slept: it and the monotonic clock went different ways since the last look.</summary>
internal sealed class ClockSteps(TimeProvider clock)
{
    // NTP lets a clock go a little faster or slower all the time, and both are never read at the same moment.
    private static readonly TimeSpan Tolerance = TimeSpan.FromSeconds(30);

    private DateTimeOffset _now = clock.GetUtcNow();
    private long _timestamp = clock.GetTimestamp();

    /// <summary>By how much, forward or back, since the last one that was taken; zero when it is not worth a word.</summary>
    public TimeSpan Take()
    {
        var (now, timestamp) = (clock.GetUtcNow(), clock.GetTimestamp());
        var step = now - _now - clock.GetElapsedTime(_timestamp, timestamp);
        if (step.Duration() < Tolerance) return TimeSpan.Zero;
        (_now, _timestamp) = (now, timestamp);
        return step;
    }
}
