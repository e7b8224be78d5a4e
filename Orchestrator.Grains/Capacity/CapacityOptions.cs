namespace Orchestrator.Grains.Capacity;

/// <summary>How much one pool takes.</summary>
public sealed class CapacityOptions
{
    /// <summary>Agents that run at once, 1 to 256. Default: 1 (<c>WORKER_CAPACITY</c>).</summary>
    public int SlotsMax { get; set; } = 1;

    /// <summary>Tasks that may wait, 0 to 100,000; 0 is reservation mode: a task is taken only when a slot is free for it. Default: 1000 (<c>QUEUE_LIMIT</c>).</summary>
    public int QueueLimit { get; set; } = 1000;
}
