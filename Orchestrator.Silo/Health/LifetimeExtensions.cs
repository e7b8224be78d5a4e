namespace Orchestrator.Silo.Health;

/// <summary>For services that begin when all have started.</summary>
internal static class LifetimeExtensions
{
    /// <summary>Ends when the service has started: its database is open, and programs hold up nothing.</summary>
    public static async Task StartedAsync(this IHostApplicationLifetime lifetime, CancellationToken stoppingToken)
    {
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var registration = lifetime.ApplicationStarted.Register(() => started.TrySetResult());
        await started.Task.WaitAsync(stoppingToken);
    }
}
