using System.Collections.Immutable;
using Orchestrator.Interfaces.Capacity;

namespace Orchestrator.Grains.Capacity;

/// <summary>What a pool stores: who holds a slot.</summary>
internal sealed record CapacityState
{
    public int SchemaVersion { get; init; } = 1;

    public ImmutableArray<Lease> Leases { get; init; } = [];
}
