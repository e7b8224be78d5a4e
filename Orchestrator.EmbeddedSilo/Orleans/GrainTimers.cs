using System.Diagnostics.CodeAnalysis;

namespace Orleans.Runtime;

/// <summary>A timer of one activation.</summary>
public interface IGrainTimer : IDisposable
{
    /// <summary>Sets when the next tick is due and the time between ticks; during a tick, it takes effect when the tick has ended.</summary>
    /// <param name="dueTime">From now; <see cref="Timeout.InfiniteTimeSpan"/> stops the timer.</param>
    /// <param name="period">From the end of a tick; <see cref="Timeout.InfiniteTimeSpan"/> means one tick only.</param>
    void Change(TimeSpan dueTime, TimeSpan period);
}

/// <summary>How a grain timer behaves.</summary>
public readonly struct GrainTimerCreationOptions
{
    /// <summary>For an object initializer, which has to set both times.</summary>
    public GrainTimerCreationOptions() { }

    /// <summary>Sets the two times.</summary>
    [SetsRequiredMembers]
    public GrainTimerCreationOptions(TimeSpan dueTime, TimeSpan period) => (DueTime, Period) = (dueTime, period);

    /// <summary>From registration to the first tick; <see cref="Timeout.InfiniteTimeSpan"/> waits for <see cref="IGrainTimer.Change"/>.</summary>
    public required TimeSpan DueTime { get; init; }

    /// <summary>From the end of a tick to the next; <see cref="Timeout.InfiniteTimeSpan"/> means one tick only.</summary>
    public required TimeSpan Period { get; init; }

    /// <summary>Whether ticks may run while a call of the grain awaits something. Default: no.</summary>
    public bool Interleave { get; init; }

    /// <summary>Whether ticks keep the activation from being collected as idle. Default: no.</summary>
    public bool KeepAlive { get; init; }
}
