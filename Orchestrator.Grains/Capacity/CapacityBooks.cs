using System.Collections.Immutable;
using Orchestrator.Interfaces.Capacity;

namespace Orchestrator.Grains.Capacity;

/// <summary>All that a pool knows: leases, the waiting line, and admissions whose tasks are not stored yet. Immutable.</summary>
/// <param name="Leases">Who holds a slot.</param>
/// <param name="Line">Who waits: the first one is next.</param>
/// <param name="LineByTask">The same, by task id.</param>
/// <param name="Pending">Who may come, and since when it may.</param>
internal sealed record CapacityBooks(
    ImmutableArray<Lease> Leases, ImmutableSortedSet<WaitingEntry> Line, ImmutableDictionary<string, WaitingEntry> LineByTask,
    ImmutableDictionary<string, DateTimeOffset> Pending)
{
    public static CapacityBooks Of(CapacityState stored) => Of(stored.Leases).WithStored(stored);

    public static CapacityBooks Of(ImmutableArray<Lease> leases) => new(
        leases, ImmutableSortedSet.Create<WaitingEntry>(LineOrder.Instance), ImmutableDictionary.Create<string, WaitingEntry>(StringComparer.Ordinal),
        ImmutableDictionary.Create<string, DateTimeOffset>(StringComparer.Ordinal));

    /// <summary>Who waits for something other than a slot: it takes room, and gets none.</summary>
    public ImmutableHashSet<string> Aside { get; init; } = ImmutableHashSet.Create<string>(StringComparer.Ordinal);

    /// <summary>Accounts whose agents are not started for a while; some may have passed.</summary>
    public ImmutableArray<HeldAccount> HeldAccounts { get; init; } = [];

    public PoolMode Mode { get; init; }

    /// <summary>What is stored of it.</summary>
    public CapacityState Stored => new() { Leases = Leases, HeldAccounts = HeldAccounts, Mode = Mode };

    /// <summary>Everybody who has no slot: it waits, or was promised a place.</summary>
    public int Unserved => Line.Count + Aside.Count + Pending.Count;

    /// <summary>Everybody who has, awaits or was promised a slot or a place.</summary>
    public int Total => Leases.Length + Unserved;

    /// <summary>The line as it is, with what storage says.</summary>
    public CapacityBooks WithStored(CapacityState stored) => this with { Leases = stored.Leases, HeldAccounts = stored.HeldAccounts, Mode = stored.Mode };

    public bool Knows(string taskId) => Pending.ContainsKey(taskId) || LineByTask.ContainsKey(taskId) || Aside.Contains(taskId) || LeaseOf(taskId) is not null;

    public Lease? LeaseOf(string taskId) => Leases.FirstOrDefault(lease => lease.TaskId == taskId);

    public CapacityBooks WithoutWaiting(string taskId) => LineByTask.TryGetValue(taskId, out var entry)
        ? this with { Line = Line.Remove(entry), LineByTask = LineByTask.Remove(taskId) }
        : this;

    public CapacityBooks WithWaiting(WaitingEntry entry)
    {
        if (LineByTask.TryGetValue(entry.TaskId, out var known) && known == entry) return this;
        var books = WithoutWaiting(entry.TaskId);
        return books with { Line = books.Line.Add(entry), LineByTask = books.LineByTask.Add(entry.TaskId, entry) };
    }

    /// <summary>Priority, then age, then id.</summary>
    private sealed class LineOrder : IComparer<WaitingEntry>
    {
        public static readonly LineOrder Instance = new();

        public int Compare(WaitingEntry? x, WaitingEntry? y)
        {
            var byPriority = y!.Priority.CompareTo(x!.Priority);
            if (byPriority != 0) return byPriority;
            var byAge = x.CreatedAt.CompareTo(y.CreatedAt);
            return byAge != 0 ? byAge : string.CompareOrdinal(x.TaskId, y.TaskId);
        }
    }
}
