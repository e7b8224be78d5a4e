using Orchestrator.Contracts.AgentTasks;
using Orchestrator.EmbeddedSilo.Storage;
using Orchestrator.Interfaces.Capacity;
using Orchestrator.Silo.Health;

namespace Orchestrator.Silo.Storage;

/// <summary>
/// Closes the gate at the very write that meets a fault of the database, not at the next look at the machine; what runs goes on, and its ends are written into the room that was kept for them. Takes
/// that room back, and opens the gate, when the disk has some again. Damage closes it until somebody has restored a backup.
/// </summary>
internal sealed partial class DatabaseGuard : BackgroundService, IHealthNotes
{
    private const int RetryAfterSeconds = 60, DamageRetryAfterSeconds = 600;
    private static readonly TimeSpan TryPeriod = TimeSpan.FromSeconds(5), TopUpPeriod = TimeSpan.FromSeconds(25);

    private readonly SqliteDatabase _database;
    private readonly AdmissionGate _gate;
    private readonly DiskRoom _disk;
    private readonly MachineChecks _checks;
    private readonly IHostApplicationLifetime _lifetime;
    private readonly TimeProvider _clock;
    private readonly ILogger<DatabaseGuard> _log;

    public DatabaseGuard(
        SqliteDatabase database, AdmissionGate gate, DiskRoom disk, MachineChecks checks, IHostApplicationLifetime lifetime, TimeProvider clock, ILogger<DatabaseGuard> log)
    {
        (_database, _gate, _disk, _checks, _lifetime, _clock, _log) = (database, gate, disk, checks, lifetime, clock, log);
        database.WhenFaulted(Meet);
    }

    public IReadOnlyList<HealthCheckView> Notes
    {
        get
        {
            var notes = new List<HealthCheckView>(2);
            if (_database.Damage is not null)
                notes.Add(new(DatabaseWrites.CheckName, false, "orchestrator.db is damaged. No task is taken; agents that run go on. Stop the service, run scripts/restore.sh, start it again."));
            else if (_database.Loss is { } loss)
                notes.Add(new(DatabaseWrites.CheckName, false, $"writable, but the last commits before this start are lost; the service's log says more. {CountKept(loss)}"));
            if (!_database.HasReserve) notes.Add(new("database_reserve", false, "used up by writes on a full disk; free some space on the disk of ORCHESTRATOR_HOME"));
            return notes;
        }
    }

    public bool IsSound => _database.Damage is null && _database.HasReserve;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await _lifetime.StartedAsync(stoppingToken);
        if (!_database.HasReserve) CloseForReserve();
        while (true)
        {
            await Task.Delay(_gate.IsClosedBy(AdmissionGate.Reserve) ? TryPeriod : TopUpPeriod, _clock, stoppingToken);
            await TryTakeAsync();
        }
    }

    private static string CountKept(string loss) => loss.Contains("The files as they were", StringComparison.Ordinal) ? "The files as they were lie beside it (.lost-…)." : "";

    private void Meet(SqliteFault fault)
    {
        switch (fault.Kind)
        {
            case SqliteFaultKind.Corrupt:
                if (_gate.Close(AdmissionGate.Damage, new("Database corrupt", "Stop the service and restore a backup: scripts/restore.sh.", DamageRetryAfterSeconds))) LogDamaged(_log, fault.Message);
                break;
            case SqliteFaultKind.Full:
                CloseForReserve();
                break;
            default:
                // Opened again by the look that this asks for, when a write succeeds.
                if (_gate.Close(AdmissionGate.Database, DatabaseWrites.Refusal)) _checks.LookSoon();
                break;
        }
    }

    private void CloseForReserve()
    {
        if (!_gate.Close(AdmissionGate.Reserve, new AdmissionRefusal("Disk is full", "What is left of it is kept for the tasks that run.", RetryAfterSeconds))) return;
        LogFull(_log, _database.HasReserve);
    }

    /// <summary>Also while nothing is wrong: the database grows by the room inside it.</summary>
    private async Task TryTakeAsync()
    {
        try
        {
            if (_database.Damage is not null || !_disk.Look() || !await _database.TryTakeReserveAsync() || !_gate.IsClosedBy(AdmissionGate.Reserve)) return;
            _gate.Open(AdmissionGate.Reserve);
            LogRoom(_log);

            // A write may have used it between the taking and the opening, and found the gate closed.
            if (!_database.HasReserve) CloseForReserve();
        }
        catch (Exception exception)
        {
            // Whatever it was: the next try comes in a few seconds.
            LogNotTaken(_log, exception);
        }
    }

    [LoggerMessage(164, LogLevel.Critical, "{Fault} No task is taken any more; agents that run go on.")]
    private static partial void LogDamaged(ILogger logger, string fault);

    [LoggerMessage(165, LogLevel.Error, "The disk is full (room for last writes left: {HasReserve}); no task is taken until there is room.")]
    private static partial void LogFull(ILogger logger, bool hasReserve);

    [LoggerMessage(166, LogLevel.Information, "The disk has room again; tasks are taken.")]
    private static partial void LogRoom(ILogger logger);

    [LoggerMessage(167, LogLevel.Warning, "The room for last writes cannot be taken back yet.")]
    private static partial void LogNotTaken(ILogger logger, Exception exception);
}
