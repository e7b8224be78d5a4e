namespace Orchestrator.Grains.Capacity;

/// <summary>How much memory this machine can still give to programs.</summary>
public interface IMachineMemory
{
    /// <summary>Bytes that programs can have without swapping, within the limits of this process; null: not known here. Cheap enough to be asked before every start.</summary>
    long? AvailableBytes { get; }
}
