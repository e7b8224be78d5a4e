using Orchestrator.Contracts.AgentTasks;
using Orchestrator.Silo.Hosting;
using Orchestrator.Silo.Machines.Cleanup;
using Orchestrator.Silo.Processes;

namespace Orchestrator.Silo.Health;

/// <summary>Looks every minute, beside all requests, at what the service needs on this machine, so that <c>/health</c> answers from memory.</summary>
internal sealed partial class MachineChecks(
    ToolRunner tools, DiskRoom disk, SweepSignal sweep, DatabaseWrites database, IHostApplicationLifetime lifetime, TimeProvider clock, ILogger<MachineChecks> log)
    : BackgroundService
{
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan PeriodInTrouble = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan ToolTimeout = TimeSpan.FromSeconds(10);

    private readonly WakeSignal _wanted = new();
    private volatile IReadOnlyList<HealthCheckView> _latest = [];

    /// <summary>What was found last; empty before the first look has ended.</summary>
    public IReadOnlyList<HealthCheckView> Latest => _latest;

    public bool HasRoomOnDisk => disk.IsThere;

    public bool IsSound => _latest.All(check => check.Ok);

    /// <summary>Lets it look at once: something has just failed.</summary>
    public void LookSoon() => _wanted.Raise();

    public override void Dispose()
    {
        _wanted.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // The database is open once the service has started, and programs would hold up its start.
        await lifetime.StartedAsync(stoppingToken);
        var period = Period;
        while (true)
        {
            try
            {
                if (!disk.Look()) sweep.Raise();
                var written = await database.CheckAsync();
                var found = await Task.WhenAll(CheckToolAsync("git", "--version", stoppingToken), CheckToolAsync("tmux", "-V", stoppingToken));
                _latest = [.. found, DescribeDisk(), written];

                // Tasks are refused meanwhile, and come again by Retry-After.
                period = written.Ok && disk.IsThere ? Period : PeriodInTrouble;
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                // A look that fails must not stop the service, as an exception from here would; the next one comes in a minute.
                LogLookFailed(log, exception);
            }

            await _wanted.WaitAsync(period, clock, stoppingToken);
        }
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

    private HealthCheckView DescribeDisk() => new("disk", disk.IsThere, $"{disk.FreeBytes >> 20} MiB free");

    [LoggerMessage(111, LogLevel.Error, "The look at this machine failed.")]
    private static partial void LogLookFailed(ILogger logger, Exception exception);

    [LoggerMessage(110, LogLevel.Warning, "{Tool} cannot be used: {Reason}")]
    private static partial void LogToolFailed(ILogger logger, string tool, string reason);
}
