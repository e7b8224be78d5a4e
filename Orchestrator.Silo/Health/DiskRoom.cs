using Orchestrator.Grains.Capacity;
using Orchestrator.Interfaces.Capacity;
using Orchestrator.Silo.Configuration;

namespace Orchestrator.Silo.Health;

/// <summary>Whether the home's disk has room. Closes the gate while it has not: looked at each minute, and whenever a task would be taken or started, but not more than twenty times a second.</summary>
internal sealed class DiskRoom(OrchestratorHome home, AdmissionGate gate, TimeProvider clock)
{
    /// <summary>Less room than this closes the gate: worktrees and the database would fail halfway.</summary>
    public const long FreeBytesMin = 256L * 1024 * 1024;

    private const int RetryAfterSeconds = 60;
    private static readonly TimeSpan LookPeriod = TimeSpan.FromMilliseconds(50);

    private readonly DriveInfo _drive = new(home.Root);
    private long _lookedAt;
    private long _freeBytes = long.MaxValue;

    /// <summary>What the last look found.</summary>
    public bool IsThere => FreeBytes >= FreeBytesMin;

    /// <summary>What the last look found.</summary>
    public long FreeBytes => Volatile.Read(ref _freeBytes);

    /// <summary>Looks, and opens or closes the gate.</summary>
    public bool Look()
    {
        Volatile.Write(ref _lookedAt, clock.GetTimestamp());
        var free = _drive.AvailableFreeSpace;
        Volatile.Write(ref _freeBytes, free);
        if (free >= FreeBytesMin) gate.Open(AdmissionGate.Disk);
        else gate.Close(AdmissionGate.Disk, new("Disk is full", $"{free >> 20} MiB are free; {FreeBytesMin >> 20} MiB are needed.", RetryAfterSeconds));
        return free >= FreeBytesMin;
    }

    public void LookIfDue()
    {
        var last = Volatile.Read(ref _lookedAt);
        if (last != 0 && clock.GetElapsedTime(last) < LookPeriod) return;
        try
        {
            Look();
        }
        catch (IOException)
        {
            // A disk that does not answer is told by what is written to it.
        }
    }
}

/// <summary>The gate, with a look at the disk before it answers.</summary>
internal sealed class PromptAdmissionGate(AdmissionGate gate, DiskRoom disk) : IAdmissionGate
{
    public AdmissionRefusal? Refusal
    {
        get
        {
            disk.LookIfDue();
            return gate.Refusal;
        }
    }
}
