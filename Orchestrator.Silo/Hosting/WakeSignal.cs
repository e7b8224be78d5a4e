namespace Orchestrator.Silo.Hosting;

/// <summary>Wakes one who waits for the time of its next round. Raised while nobody waits, it is kept for the next wait; several at once count as one.</summary>
internal class WakeSignal : IDisposable
{
    private readonly SemaphoreSlim _raised = new(0, 1);

    public void Raise()
    {
        try
        {
            if (_raised.CurrentCount == 0) _raised.Release();
        }
        catch (SemaphoreFullException)
        {
            // Another said so at the same moment.
        }
    }

    /// <summary>Ends when it is raised, or the time is over.</summary>
    public async Task WaitAsync(TimeSpan time, TimeProvider clock, CancellationToken cancellationToken)
    {
        using var over = new CancellationTokenSource(time, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(over.Token, cancellationToken);
        try
        {
            await _raised.WaitAsync(either.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // It is time.
        }
    }

    public void Dispose() => _raised.Dispose();
}
