using Orchestrator.Contracts.AgentTasks;
using Orchestrator.Interfaces.Capacity;

namespace Orchestrator.Silo.Health;

/// <summary>Closes the gate while the database cannot be written: a task that cannot be stored is one that the next worker may take.</summary>
internal sealed partial class DatabaseWrites(IDatabaseProbe probe, AdmissionGate gate, TimeProvider clock, ILogger<DatabaseWrites> log)
{
    public const string CheckName = "database";

    /// <summary>While it cannot be written.</summary>
    public static readonly AdmissionRefusal Refusal = new("Database not writable", "A write was tried and failed. The service's log says why.", 30);

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    // One that hangs is waited for again: more of them would only stand in line behind it.
    private Task? _write;

    /// <summary>Tries it, and opens or closes the gate.</summary>
    public async Task<HealthCheckView> CheckAsync()
    {
        try
        {
            if (_write is not { IsCompleted: false }) _write = probe.WriteAsync();
            await _write.WaitAsync(Limit, clock);
            gate.Open(AdmissionGate.Database);
            return new(CheckName, true, "writable");
        }
        catch (Exception exception)
        {
            LogFailed(log, exception);
            gate.Close(AdmissionGate.Database, Refusal);
            return new(CheckName, false, exception is TimeoutException ? $"A write took more than {Limit.TotalSeconds:0} s." : "A write failed; the service's log says why.");
        }
    }

    [LoggerMessage(112, LogLevel.Error, "The database cannot be written; no task is taken until it can.")]
    private static partial void LogFailed(ILogger logger, Exception exception);
}
