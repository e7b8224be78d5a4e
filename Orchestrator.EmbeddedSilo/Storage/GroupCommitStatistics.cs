using Orchestrator.EmbeddedSilo.Statistics;

namespace Orchestrator.EmbeddedSilo.Storage;

/// <summary>Counts of the writer.</summary>
internal sealed class GroupCommitStatistics
{
    private long _commits;
    private long _writes;
    private long _failedWrites;

    public long Commits => Volatile.Read(ref _commits);

    public long Writes => Volatile.Read(ref _writes);

    public long FailedWrites => Volatile.Read(ref _failedWrites);

    /// <summary>From asking for a write to its answer.</summary>
    public GrainClassStatistics Latency { get; } = new();

    public void RecordCommit() => Interlocked.Increment(ref _commits);

    public void RecordWrite(long elapsed, bool hasFailed)
    {
        Interlocked.Increment(ref _writes);
        if (hasFailed) Interlocked.Increment(ref _failedWrites);
        Latency.Record(elapsed, hasFailed);
    }
}
