using System.Collections.Immutable;
using Orchestrator.Interfaces.Capacity;

namespace Orchestrator.Grains.Capacity;

/// <summary>What a pool stores: who holds a slot, and which accounts are held.</summary>
internal sealed record CapacityState
{
    public int SchemaVersion { get; init; } = 1;

    public ImmutableArray<Lease> Leases { get; init; } = [];

    /// <summary>Not in the state of older releases.</summary>
    public ImmutableArray<HeldAccount> HeldAccounts { get => field.IsDefault ? [] : field; init; } = [];

    public bool Equals(CapacityState? other) => other is not null && Leases.SequenceEqual(other.Leases) && HeldAccounts.SequenceEqual(other.HeldAccounts);

    public override int GetHashCode() => HashCode.Combine(Leases.Length, HeldAccounts.Length);
}
