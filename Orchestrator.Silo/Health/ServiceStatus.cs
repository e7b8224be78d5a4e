namespace Orchestrator.Silo.Health;

/// <summary>How far the service is in its life. Set by start-up and shutdown, read by <c>/health</c>.</summary>
internal sealed class ServiceStatus(TimeProvider clock)
{
    private int _stage = (int)ServiceStage.Initializing;

    /// <summary>When the process began to be the service, UTC.</summary>
    public DateTimeOffset StartedAt { get; } = clock.GetUtcNow();

    private long StartedTimestamp { get; } = clock.GetTimestamp();

    /// <summary>Time since the start.</summary>
    public TimeSpan Uptime => clock.GetElapsedTime(StartedTimestamp);

    public ServiceStage Stage => (ServiceStage)Volatile.Read(ref _stage);

    /// <summary>Goes on to a later stage; never back.</summary>
    public void Advance(ServiceStage stage)
    {
        var current = Volatile.Read(ref _stage);
        while (current < (int)stage)
        {
            var seen = Interlocked.CompareExchange(ref _stage, (int)stage, current);
            if (seen == current) return;
            current = seen;
        }
    }
}

/// <summary>Stages in their order.</summary>
internal enum ServiceStage
{
    /// <summary>It starts.</summary>
    Initializing = 1,

    /// <summary>It takes up what an earlier process left.</summary>
    Recovering = 2,

    /// <summary>It takes tasks.</summary>
    Ready = 3,

    /// <summary>It takes none any more, and waits for what runs.</summary>
    Draining = 4,

    /// <summary>Nothing runs any more: the machine may be switched off.</summary>
    ShuttingDown = 5,
}
