using System.Collections.Immutable;
using System.Globalization;
using Orchestrator.Interfaces.Capacity;

namespace Orchestrator.Grains.Capacity;

/// <summary>What decides about slots, beside the books.</summary>
/// <param name="Options">The pool's limits.</param>
/// <param name="Accounts">Who pays for whom.</param>
/// <param name="Now">UTC.</param>
/// <param name="Obstacle">Why the machine starts nothing now, for people: <c>memory: 301 MB free, floor 512 MB</c> …; null: it does.</param>
internal sealed record SlotConditions(CapacityOptions Options, IAgentAccounts Accounts, DateTimeOffset Now, string? Obstacle = null);

/// <summary>Who of the line gets a slot now, and what the others wait for. Pure.</summary>
internal static class SlotRules
{
    /// <summary>Whether anybody could get a slot if the machine allows it: only then it is worth a look at the machine.</summary>
    public static bool HasUse(CapacityBooks books, CapacityOptions options) => books.Mode == PoolMode.Open && books.Line.Count > 0 && books.Leases.Length < options.SlotsMax;

    /// <summary>Gives free slots to the first ones in the line. Those whose account is held, or whose repository has its share, are passed over and keep their place.</summary>
    public static (CapacityBooks Books, ImmutableArray<Lease> Granted) Grant(CapacityBooks books, SlotConditions conditions)
    {
        if (conditions.Obstacle is not null || !HasUse(books, conditions.Options)) return (books, []);
        var granted = ImmutableArray.CreateBuilder<Lease>();
        var free = conditions.Options.SlotsMax - books.Leases.Length;
        var held = HeldNow(books, conditions.Now);
        var atWork = CountByRepository(books.Leases);
        foreach (var next in books.Line)
        {
            if (granted.Count == free) break;
            if (held.Count > 0 && held.ContainsKey(conditions.Accounts.AccountOf(next.WorkerType))) continue;
            var ofRepository = atWork.GetValueOrDefault(next.Repository);
            if (IsFull(ofRepository, conditions.Options, next)) continue;
            atWork[next.Repository] = ofRepository + 1;
            granted.Add(new Lease(next.TaskId, next.Run, next.Attempt, conditions.Now) { Repository = next.Repository });
        }

        foreach (var lease in granted) books = books.WithoutWaiting(lease.TaskId);
        return (books with { Leases = books.Leases.AddRange(granted) }, granted.ToImmutable());
    }

    /// <summary>What one who is in the line waits for, for people: what stands in its own way before what stands in everybody's.</summary>
    public static string ReasonOf(CapacityBooks books, WaitingEntry entry, SlotConditions conditions)
    {
        if (ReasonOf(books.Mode) is { } mode) return mode;
        var account = conditions.Accounts.AccountOf(entry.WorkerType);
        if (HeldNow(books, conditions.Now).TryGetValue(account, out var until)) return $"account {account} until {until.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture)}";
        var ofRepository = CountByRepository(books.Leases).GetValueOrDefault(entry.Repository);
        if (IsFull(ofRepository, conditions.Options, entry)) return $"repository {entry.Repository}: {ofRepository} of {conditions.Options.RepositorySlotsMax}";
        return books.Leases.Length < conditions.Options.SlotsMax ? conditions.Obstacle ?? "slot" : "slot";
    }

    /// <summary>Why a pool in that mode gives no slot, for people; null: it does.</summary>
    public static string? ReasonOf(PoolMode mode) => mode switch
    {
        PoolMode.Paused => "paused",
        PoolMode.Draining => "draining",
        _ => null,
    };

    /// <summary>When the clock lets somebody go who waits; null: it does not.</summary>
    public static DateTimeOffset? NextTimeOf(CapacityBooks books, DateTimeOffset now) =>
        books.Line.Count == 0 ? null : books.HeldAccounts.Where(held => held.IsHeldAt(now)).Min(held => (DateTimeOffset?)held.Until);

    private static bool IsFull(int atWork, CapacityOptions options, WaitingEntry entry) =>
        options.RepositorySlotsMax > 0 && entry.Repository.Length > 0 && atWork >= options.RepositorySlotsMax;

    private static Dictionary<string, DateTimeOffset> HeldNow(CapacityBooks books, DateTimeOffset now) =>
        books.HeldAccounts.Where(held => held.IsHeldAt(now)).ToDictionary(held => held.Account, held => held.Until, StringComparer.Ordinal);

    /// <summary>The names of repositories are the machine's folders, which differ in more than case.</summary>
    private static Dictionary<string, int> CountByRepository(ImmutableArray<Lease> leases) =>
        leases.GroupBy(lease => lease.Repository, StringComparer.OrdinalIgnoreCase).ToDictionary(group => group.Key, group => group.Count(), StringComparer.OrdinalIgnoreCase);
}
