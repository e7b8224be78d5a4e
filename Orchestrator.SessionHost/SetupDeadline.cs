namespace Orchestrator.SessionHost;

/// <summary>Ends the setup script when its time is over.</summary>
internal sealed class SetupDeadline : IDisposable
{
    private readonly ITimer _timer;
    private volatile bool _isOver;

    internal SetupDeadline(TimeSpan timeout, Action end) => _timer = TimeProvider.System.CreateTimer(
        _ =>
        {
            _isOver = true;
            end();
        },
        null, timeout, Timeout.InfiniteTimeSpan);

    /// <summary>Whether it was ended.</summary>
    internal bool IsOver => _isOver;

    public void Dispose() => _timer.Dispose();
}
