using Microsoft.Extensions.Options;
using Orchestrator.Grains.AgentTasks;
using Orchestrator.Interfaces.Capacity;
using Orchestrator.Silo.Callbacks;
using Orchestrator.Silo.Configuration;
using Orleans;

namespace Orchestrator.Silo.Health;

/// <summary>Stops the service in good order: takes no more tasks, waits for those that run, and ends the process with exit code 0. What still runs then is left running.</summary>
internal sealed partial class ShutdownDrain(
    AdmissionGate gate, ServiceStatus status, IGrainFactory grains, IAgentTaskCatalog catalog, CallbackTransport callbacks, IHostApplicationLifetime lifetime, IOptions<ShutdownOptions> options, TimeProvider clock,
    ILogger<ShutdownDrain> log)
{
    private const int RetryAfterSeconds = 60;
    private static readonly TimeSpan LookPeriod = TimeSpan.FromMilliseconds(500);

    private int _hasBegun;

    /// <summary>Begins, once; how many tasks run is the answer each time.</summary>
    public async Task<int> BeginAsync()
    {
        gate.Close(AdmissionGate.Shutdown, new("Service is shutting down", "It takes no more tasks.", RetryAfterSeconds));
        status.Advance(ServiceStage.Draining);
        var running = await CountRunningAsync();
        if (Interlocked.Exchange(ref _hasBegun, 1) == 0)
        {
            LogBegun(log, running, options.Value.DrainTimeout.TotalSeconds);
            _ = DrainAsync();
        }

        return running;
    }

    private async Task DrainAsync()
    {
        try
        {
            var begunAt = clock.GetTimestamp();
            using var timer = new PeriodicTimer(LookPeriod, clock);
            var running = await CountRunningAsync();
            var isQuiet = false;
            while (clock.GetElapsedTime(begunAt) < options.Value.DrainTimeout)
            {
                // Twice in a row: between a slot's end and the first try of its callback there is a moment without either. A receiver that is down is not waited for.
                var wasQuiet = isQuiet;
                isQuiet = running == 0 && (callbacks.UnderWay == 0 || catalog.CountOwing() == 0);
                if ((isQuiet && wasQuiet) || !await timer.WaitForNextTickAsync(lifetime.ApplicationStopping)) break;
                running = await CountRunningAsync();
            }

            // A VM controller cuts the power when it reads this stage, so it comes only when nothing runs.
            if (running == 0) status.Advance(ServiceStage.ShuttingDown);
            LogEnded(log, running);
        }
        catch (OperationCanceledException) when (lifetime.ApplicationStopping.IsCancellationRequested)
        {
            // A signal came first.
        }
        catch (Exception exception)
        {
            // Whatever it was, the service was asked to stop.
            LogFailed(log, exception);
        }

        lifetime.StopApplication();
    }

    private async Task<int> CountRunningAsync() => (await grains.GetGrain<ICapacityGrain>(Pools.Default).GetAsync()).Leased;

    [LoggerMessage(120, LogLevel.Information, "Shutdown was asked for: {Running} tasks run and have {Seconds:0} s to end.")]
    private static partial void LogBegun(ILogger logger, int running, double seconds);

    [LoggerMessage(121, LogLevel.Information, "Stopping; {Running} tasks are left running and will be taken up at the next start.")]
    private static partial void LogEnded(ILogger logger, int running);

    [LoggerMessage(122, LogLevel.Error, "It is not known whether tasks still run; stopping.")]
    private static partial void LogFailed(ILogger logger, Exception exception);
}
