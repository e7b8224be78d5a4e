using Orchestrator.Contracts.AgentTasks;

namespace Orchestrator.Silo.Machines.Cleanup;

/// <summary>One sweep: what it may do, and what it did.</summary>
/// <param name="isDryRun">Whether it only says what it would do.</param>
/// <param name="isClockSound">False when the clock has jumped since the last sweep: ages count for nothing then.</param>
/// <param name="isTimeOver">Whether the sweep has taken as long as it may.</param>
internal sealed class SweepRun(bool isDryRun, bool isClockSound, Func<bool> isTimeOver)
{
    public bool IsDryRun => isDryRun;

    public bool IsClockSound => isClockSound;

    public bool IsTimeOver => isTimeOver();

    /// <summary>Whether there was more to do than one sweep may.</summary>
    public bool IsCut { get; set; }

    public List<SweptView> Removed { get; } = [];

    public List<SweptView> Kept { get; } = [];

    public List<SweptView> Quarantined { get; } = [];

    /// <summary>How many things belong to no task, and something holds them.</summary>
    public int HeldLeftovers { get; set; }

    public int Compressed { get; set; }

    public int SessionsRemoved { get; set; }

    public int SocketsRemoved { get; set; }

    public int QuarantineRemoved { get; set; }

    public List<string> Troubles { get; } = [];

    public SweepView ToView(TimeSpan time) => new()
    {
        DryRun = IsDryRun,
        Removed = Removed,
        Kept = Kept,
        Quarantined = Quarantined,
        FilesCompressed = Compressed,
        SessionsRemoved = SessionsRemoved,
        SocketsRemoved = SocketsRemoved,
        QuarantineRemoved = QuarantineRemoved,
        Troubles = Troubles,
        HasMore = IsCut,
        TookMs = (long)time.TotalMilliseconds,
    };
}
