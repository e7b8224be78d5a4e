namespace Orchestrator.SessionHost;

/// <summary>Ends the setup script when its time is over; never anything that runs after it.</summary>
internal sealed class SetupDeadline : IDisposable
{
    private const int Waiting = 0, Over = 1, Disposed = 2;
    private readonly ITimer _timer;
    private int _state = Waiting;

    internal SetupDeadline(TimeSpan timeout, Action end) => _timer = TimeProvider.System.CreateTimer(
        _ =>
        {
            // A script that ends in the last moment has ended: whoever is first says so.
            if (Interlocked.CompareExchange(ref _state, Over, Waiting) == Waiting) end();
        },
        null, timeout, Timeout.InfiniteTimeSpan);

    /// <summary>Whether it was ended. Settled once this is disposed.</summary>
    internal bool IsOver => Volatile.Read(ref _state) == Over;

    public void Dispose()
    {
        _ = Interlocked.CompareExchange(ref _state, Disposed, Waiting);
        _timer.Dispose();
    }
}
