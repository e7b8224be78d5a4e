using Orchestrator.Contracts.AgentTasks;
using Orchestrator.Silo.Configuration;
using Orchestrator.Silo.Machines.Cleanup;
using Orchestrator.Silo.Processes;

namespace Orchestrator.Silo.Health;

/// <summary>Looks every minute, beside all requests, at what the service needs on this machine, so that <c>/health</c> answers from memory.</summary>
internal sealed partial class MachineChecks(
    ToolRunner tools, OrchestratorHome home, AdmissionGate gate, SweepSignal sweep, DatabaseWrites database, IHostApplicationLifetime lifetime, TimeProvider clock, ILogger<MachineChecks> log)
    : BackgroundService
{
    /// <summary>Less room than this closes the gate: worktrees and the database would fail halfway.</summary>
    public const long FreeBytesMin = 256L * 1024 * 1024;

    private const int DiskFullRetrySeconds = 60;
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan PeriodInTrouble = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan ToolTimeout = TimeSpan.FromSeconds(10);

    private volatile IReadOnlyList<HealthCheckView> _latest = [];
    private volatile bool _hasRoom = true;

    /// <summary>What was found last; empty before the first look has ended.</summary>
    public IReadOnlyList<HealthCheckView> Latest => _latest;

    public bool HasRoomOnDisk => _hasRoom;

    public bool IsSound => _latest.All(check => check.Ok);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // The database is open once the service has started, and programs would hold up its start.
        await WaitForStartAsync(stoppingToken);
        using var timer = new PeriodicTimer(Period, clock);
        do
        {
            try
            {
                CheckDisk();
                var written = await database.CheckAsync();
                var found = await Task.WhenAll(CheckToolAsync("git", "--version", stoppingToken), CheckToolAsync("tmux", "-V", stoppingToken));
                _latest = [.. found, DescribeDisk(), written];

                // Tasks are refused meanwhile, and come again by Retry-After.
                timer.Period = written.Ok && _hasRoom ? Period : PeriodInTrouble;
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                // A look that fails must not stop the service, as an exception from here would; the next one comes in a minute.
                LogLookFailed(log, exception);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private async Task WaitForStartAsync(CancellationToken stoppingToken)
    {
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var registration = lifetime.ApplicationStarted.Register(started.SetResult);
        await started.Task.WaitAsync(stoppingToken);
    }

    private async Task<HealthCheckView> CheckToolAsync(string tool, string argument, CancellationToken cancellationToken)
    {
        try
        {
            var result = await tools.RunAsync(new(tool, [argument]) { Timeout = ToolTimeout }, cancellationToken);
            var words = result.StandardOutput.Trim().Split(' ', StringSplitOptions.RemoveEmptyEntries);
            return new(tool, true, words.FirstOrDefault(word => word.Any(char.IsAsciiDigit)) ?? result.StandardOutput.Trim());
        }
        catch (ToolFailedException exception)
        {
            LogToolFailed(log, tool, exception.Message);
            return new(tool, false, exception.Message);
        }
    }

    private void CheckDisk()
    {
        _hasRoom = FreeBytes() >= FreeBytesMin;
        if (!_hasRoom) sweep.Raise();
        if (_hasRoom) gate.Open(AdmissionGate.Disk);
        else gate.Close(AdmissionGate.Disk, new("Disk is full", $"{FreeBytes() >> 20} MiB are free; {FreeBytesMin >> 20} MiB are needed.", DiskFullRetrySeconds));
    }

    private HealthCheckView DescribeDisk() => new("disk", _hasRoom, $"{FreeBytes() >> 20} MiB free");

    private long FreeBytes() => new DriveInfo(home.Root).AvailableFreeSpace;

    [LoggerMessage(111, LogLevel.Error, "The look at this machine failed.")]
    private static partial void LogLookFailed(ILogger logger, Exception exception);

    [LoggerMessage(110, LogLevel.Warning, "{Tool} cannot be used: {Reason}")]
    private static partial void LogToolFailed(ILogger logger, string tool, string reason);
}
