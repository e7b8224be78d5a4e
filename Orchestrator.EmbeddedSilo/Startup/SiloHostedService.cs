using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orchestrator.EmbeddedSilo.Activations;
using Orchestrator.EmbeddedSilo.Reminders;
using Orchestrator.EmbeddedSilo.Statistics;
using Orchestrator.EmbeddedSilo.Storage;
using Orleans.Storage;

namespace Orchestrator.EmbeddedSilo.Startup;

/// <summary>Starts and stops the silo with its host.</summary>
internal sealed partial class SiloHostedService(
    SiloRuntime runtime, IServiceProvider services, IEnumerable<SiloStartupTask> startupTasks, IEnumerable<SqliteDatabase> databases,
    IEnumerable<ReminderService> reminderServices, SiloMetrics metrics, ILogger<SiloHostedService> log) : IHostedService
{
    private readonly ActivationCollector _collector = new(runtime);

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        var startedAt = runtime.Clock.GetTimestamp();
        var registry = runtime.Registry;
        GrainChecks.Check(registry.InterfaceTypes, [.. registry.ClassTypes], name => services.GetKeyedService<IGrainStorage>(name) is not null);
        registry.Freeze(registry.ClassTypes.Select(type => GrainClassFactory.Create(type, runtime.Collection)));
        foreach (var database in databases) database.Open();
        try
        {
            runtime.Reminders = reminderServices.LastOrDefault();
            runtime.Reminders?.Load(runtime);
            runtime.State = SiloState.Running;
            _collector.Start();
            foreach (var task in startupTasks.OrderBy(task => task.Stage)) await task.Execute(services, cancellationToken);
            runtime.Reminders?.Start();
        }
        catch
        {
            // The host stops no service whose start has failed, and the database would stay open.
            await StopAsync(cancellationToken);
            throw;
        }

        LogStarted(log, registry.InterfaceTypes.Count(), registry.ClassTypes.Count(), runtime.Clock.GetElapsedTime(startedAt).TotalMilliseconds);
    }

    /// <summary>Turns end, timers stop, grains are deactivated and what they write is stored; whoever is not done when the time is over is left behind.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        runtime.State = SiloState.Stopping;
        _collector.Dispose();
        metrics.Dispose();
        if (runtime.Reminders is not null) await runtime.Reminders.StopAsync();
        try
        {
            await runtime.Catalog.DrainAsync(cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            LogStoppedLate(log, runtime.Catalog.Count, string.Join(", ", runtime.Catalog.Enumerate().Take(5).Select(activation => activation.GrainId)));
        }

        runtime.State = SiloState.Stopped;
        foreach (var database in databases) await database.CloseAsync();
        LogStopped(log);
    }

    [LoggerMessage(1, LogLevel.Information, "Embedded silo started: {Interfaces} grain interfaces, {Classes} grain classes, {Milliseconds:0} ms.")]
    private static partial void LogStarted(ILogger logger, int interfaces, int classes, double milliseconds);

    [LoggerMessage(2, LogLevel.Information, "Embedded silo stopped.")]
    private static partial void LogStopped(ILogger logger);

    [LoggerMessage(3, LogLevel.Warning, "The time for stopping is over; {Count} grains were still busy, among them {Grains}.")]
    private static partial void LogStoppedLate(ILogger logger, int count, string grains);
}

/// <summary>Something to run once when the silo has started.</summary>
internal sealed record SiloStartupTask(int Stage, Func<IServiceProvider, CancellationToken, Task> Execute);
