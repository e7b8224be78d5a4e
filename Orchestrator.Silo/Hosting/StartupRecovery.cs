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

    /// <summary>Fewer, because requests come in meanwhile.</summary>
    private const int InLineAtOnceMax = 2;

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

        // Those that run first: their agents go on without us. Who waits has its place by the catalog alone, so that nobody has to wait until ten thousand of them are awake.
        var failures = await WakeAllAsync(open.Where(entry => !IsInLine(entry)), AtOnceMax);
        status.Advance(ServiceStage.Ready);
        failures += await WakeAllAsync(open.Where(IsInLine), InLineAtOnceMax);
        LogDone(logger, open.Count - failures, open.Count, clock.GetElapsedTime(startedAt).TotalSeconds);
    }

    private static bool IsInLine(CatalogEntry entry) => entry.Phase is AgentTaskPhase.Waiting or AgentTaskPhase.Held or AgentTaskPhase.Blocked;

    private async Task<int> WakeAllAsync(IEnumerable<CatalogEntry> entries, int atOnceMax)
    {
        var failures = 0;
        await Parallel.ForEachAsync(entries, new ParallelOptions { MaxDegreeOfParallelism = atOnceMax }, async (entry, _) =>
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
        return failures;
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
