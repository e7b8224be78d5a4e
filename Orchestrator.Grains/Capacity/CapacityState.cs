using System.Collections.Immutable;
using Orchestrator.Interfaces.Capacity;

namespace Orchestrator.Grains.Capacity;

/// <summary>What a pool stores: who holds a slot, which accounts are held, and what it does. What older releases did not store has its default.</summary>
internal sealed record CapacityState
{
    public int SchemaVersion { get; init; } = 1;

    public ImmutableArray<Lease> Leases { get; init; } = [];

    public ImmutableArray<HeldAccount> HeldAccounts { get => field.IsDefault ? [] : field; init; } = [];

    public PoolMode Mode { get; init; }

    public bool Equals(CapacityState? other) =>
        other is not null && Mode == other.Mode && Leases.SequenceEqual(other.Leases) && HeldAccounts.SequenceEqual(other.HeldAccounts);

    public override int GetHashCode() => HashCode.Combine(Mode, Leases.Length, HeldAccounts.Length);
}
