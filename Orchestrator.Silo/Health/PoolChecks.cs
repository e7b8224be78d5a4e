using Microsoft.Extensions.Options;
using Orchestrator.Contracts.AgentTasks;
using Orchestrator.Grains.Capacity;
using Orchestrator.Interfaces.Capacity;

namespace Orchestrator.Silo.Health;

/// <summary>
/// What <c>/health</c> says of starts: whether agents are started, and whether there is memory for them. Neither makes the service anything but ready, because tasks are taken
/// into the line all the same; nothing is available meanwhile.
/// </summary>
internal sealed class PoolChecks(IMachineMemory memory, IOptions<CapacityOptions> options)
{
    public const string StartsCheck = "starts";
    public const string MemoryCheck = "memory";
    private const int BytesPerMegabyteShift = 20;

    public IEnumerable<HealthCheckView> Of(CapacitySnapshot pool)
    {
        if (pool.Mode != PoolMode.Open) yield return new(StartsCheck, false, $"{pool.GivesNone}: no agent is started until POST /admin/resume");
        var floor = options.Value.MemoryFloorBytes;
        if (floor > 0 && memory.AvailableBytes is { } free)
            yield return new(MemoryCheck, free >= floor, $"{free >> BytesPerMegabyteShift} MB free, floor {floor >> BytesPerMegabyteShift} MB");
    }
}
