using Microsoft.Extensions.Options;
using Orchestrator.Silo.Configuration;
using Orchestrator.Silo.Health;
using Orchestrator.Silo.Hosting;

namespace Orchestrator.Silo.Machines.Cleanup;

/// <summary>Sweeps soon after the start, when all that an earlier process left has been taken up, then every ten minutes, and at once when room on the disk gets short.</summary>
internal sealed partial class SweepService(
    Sweeper sweeper, SweepSignal signal, StartupRecovery recovery, IHostApplicationLifetime lifetime, IOptions<CleanupOptions> options, TimeProvider clock, ILogger<SweepService> logger) : BackgroundService
{
    /// <summary>The start belongs to tasks; an odd number, so that no two things of the service happen at the same moment.</summary>
    private static readonly TimeSpan AfterStart = TimeSpan.FromSeconds(47);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await lifetime.StartedAsync(stoppingToken);
        await recovery.Completion.WaitAsync(stoppingToken);
        for (var wait = AfterStart; ; wait = options.Value.Period)
        {
            await signal.WaitAsync(wait, clock, stoppingToken);
            try
            {
                var swept = await sweeper.RunAsync(isDryRun: false, stoppingToken);
                if (swept.Removed.Count + swept.Quarantined.Count + swept.FilesCompressed + swept.SessionsRemoved > 0)
                    LogSwept(swept.Removed.Count, swept.Quarantined.Count, swept.FilesCompressed, swept.SessionsRemoved, swept.TookMs);
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                LogFailed(exception);
            }
        }
    }

    [LoggerMessage(542, LogLevel.Information, "Swept: {Worktrees} worktrees removed, {Quarantined} things put aside, {Files} files compressed, {Sessions} sessions removed, in {Milliseconds} ms.")]
    private partial void LogSwept(int worktrees, int quarantined, int files, int sessions, long milliseconds);

    [LoggerMessage(543, LogLevel.Error, "A sweep failed; the next one tries again.")]
    private partial void LogFailed(Exception exception);
}

/// <summary>Wakes the sweep before its time: room on the disk is short.</summary>
internal sealed class SweepSignal : WakeSignal;
