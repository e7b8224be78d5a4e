namespace Orchestrator.Grains.Capacity;

/// <summary>How much one pool takes.</summary>
public sealed class CapacityOptions
{
    /// <summary>Agents that run at once, 1 to 256. Default: 1 (<c>WORKER_CAPACITY</c>).</summary>
    public int SlotsMax { get; set; } = 1;

    /// <summary>Tasks that may wait, 0 to 100,000; 0 is reservation mode: a task is taken only when a slot is free for it. Default: 1000 (<c>QUEUE_LIMIT</c>).</summary>
    public int QueueLimit { get; set; } = 1000;

    /// <summary>Agents that run at once on one repository, 0 to 256; 0: no limit but the slots. Default: 0 (<c>REPOSITORY_CAPACITY</c>).</summary>
    public int RepositorySlotsMax { get; set; }

    /// <summary>No slot is given while the machine has less memory than this to give, bytes; 0: never mind. Default: 256 MB (<c>MEMORY_FLOOR_MB</c>).</summary>
    public long MemoryFloorBytes { get; set; } = 256L * 1024 * 1024;
}
