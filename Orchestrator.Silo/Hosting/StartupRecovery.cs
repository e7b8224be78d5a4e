using Orchestrator.Grains.AgentTasks;
using Orchestrator.Interfaces.AgentTasks;
using Orchestrator.Interfaces.Callbacks;
using Orchestrator.Silo.Health;
using Orleans;

namespace Orchestrator.Silo.Hosting;

/// <summary>
/// Takes up what an earlier process left: wakes every task that has not ended or still owes a callback. Sessions that live are adopted, ended ones collected, waiting tasks go on.
/// A row whose task was never stored (the process died in between, nothing was acknowledged) is dropped.
/// </summary>
internal sealed partial class StartupRecovery(
    IAgentTaskCatalog catalog, IGrainFactory grains, ServiceStatus status, TimeProvider clock, ILogger<StartupRecovery> logger)
{
    private const int AtOnceMax = 16;

    /// <summary>Ends when all are awake.</summary>
    public Task Completion { get; private set; } = Task.CompletedTask;

    /// <summary>Reads what there is before any request can add to it, and goes on beside the start.</summary>
    public Task BeginAsync(CancellationToken cancellationToken)
    {
        var open = catalog.ReadOpen();
        if (open.Count == 0)
        {
            status.Advance(ServiceStage.Ready);
            return Task.CompletedTask;
        }

        status.Advance(ServiceStage.Recovering);
        Completion = Task.Run(() => WakeAllAsync(open), CancellationToken.None);
        return Task.CompletedTask;
    }

    private async Task WakeAllAsync(IReadOnlyList<CatalogEntry> open)
    {
        var startedAt = clock.GetTimestamp();
        var failures = 0;

        // Those that run first: their agents go on without us.
        await Parallel.ForEachAsync(
            open.OrderBy(entry => entry.Phase == AgentTaskPhase.Waiting), new ParallelOptions { MaxDegreeOfParallelism = AtOnceMax }, async (entry, _) =>
            {
                try
                {
                    await WakeAsync(entry);
                }
                catch (Exception exception)
                {
                    // Its reminder wakes it within a minute; the others must not wait for it.
                    Interlocked.Increment(ref failures);
                    LogNotWoken(logger, exception, entry.TaskId);
                }
            });
        status.Advance(ServiceStage.Ready);
        LogDone(logger, open.Count - failures, open.Count, clock.GetElapsedTime(startedAt).TotalSeconds);
    }

    private async Task WakeAsync(CatalogEntry entry)
    {
        if (!await grains.GetGrain<IAgentTaskGrain>(entry.TaskId).WakeAsync()) LogDropped(logger, entry.TaskId);
        else if (entry.OwesCallback) await grains.GetGrain<ICallbackGrain>(entry.TaskId).Wake();
    }

    [LoggerMessage(140, LogLevel.Information, "Took up {Woken} of {Count} tasks of an earlier run in {Seconds:0.00} s.")]
    private static partial void LogDone(ILogger logger, int woken, int count, double seconds);

    [LoggerMessage(141, LogLevel.Error, "Task {TaskId} could not be woken; its reminder tries again within a minute.")]
    private static partial void LogNotWoken(ILogger logger, Exception exception, string taskId);

    [LoggerMessage(142, LogLevel.Information, "Task {TaskId} was never acknowledged and is dropped.")]
    private static partial void LogDropped(ILogger logger, string taskId);
}
