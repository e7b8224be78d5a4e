namespace Orchestrator.Grains.Capacity;

/// <summary>What keeps this machine from starting agents: the service shuts down, its disk or database is in trouble, or memory is short.</summary>
internal static class SlotObstacles
{
    private const int BytesPerMegabyteShift = 20;

    /// <summary>For people, with numbers; null: nothing does.</summary>
    public static string? Find(IAdmissionGate gate, IMachineMemory memory, CapacityOptions options)
    {
        if (gate.Refusal is { } refusal) return refusal.Error;
        if (options.MemoryFloorBytes == 0 || memory.AvailableBytes is not { } free || free >= options.MemoryFloorBytes) return null;
        return $"memory: {free >> BytesPerMegabyteShift} MB free, floor {options.MemoryFloorBytes >> BytesPerMegabyteShift} MB";
    }
}
