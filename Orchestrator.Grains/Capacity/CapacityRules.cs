using System.Collections.Immutable;
using Orchestrator.Grains.AgentTasks;
using Orchestrator.Interfaces.AgentTasks;
using Orchestrator.Interfaces.Capacity;

namespace Orchestrator.Grains.Capacity;

/// <summary>Who gets a slot. Pure: books in, books out.</summary>
internal static class CapacityRules
{
    /// <summary>How long an admission or a lease may be without a stored task before a recount drops it.</summary>
    public static readonly TimeSpan ConfirmationTimeout = TimeSpan.FromMinutes(1);

    private const int BusyRetryAfterSeconds = 30;

    /// <summary>A place for a task that is not stored yet, or no.</summary>
    public static (CapacityBooks Books, AdmissionResult Answer) Admit(CapacityBooks books, string taskId, CapacityOptions options, DateTimeOffset now)
    {
        if (books.Pending.ContainsKey(taskId) || books.LineByTask.ContainsKey(taskId) || books.LeaseOf(taskId) is not null) return (books, AdmissionResult.Admitted);
        if (books.Total < options.SlotsMax + options.QueueLimit) return (books with { Pending = books.Pending.Add(taskId, now) }, AdmissionResult.Admitted);
        var detail = options.QueueLimit == 0
            ? $"No slot is free: {books.Leases.Length} of {options.SlotsMax} are taken, {books.Total - books.Leases.Length} promised."
            : $"{books.Total - books.Leases.Length} tasks wait already; QUEUE_LIMIT is {options.QueueLimit}.";
        return (books, new AdmissionResult(new AdmissionRefusal("Service at capacity", detail, BusyRetryAfterSeconds)));
    }

    /// <summary>A stored task joins the line, unless it has a slot.</summary>
    public static CapacityBooks Wait(CapacityBooks books, WaitingEntry entry)
    {
        var confirmed = books with { Pending = books.Pending.Remove(entry.TaskId) };
        return books.LeaseOf(entry.TaskId) is { } lease && lease.Run == entry.Run ? confirmed : confirmed.WithWaiting(entry);
    }

    /// <summary>Holds an account; the later time wins, and what has passed is forgotten.</summary>
    public static CapacityBooks Hold(CapacityBooks books, string account, DateTimeOffset until, DateTimeOffset now)
    {
        var known = books.HeldAccounts.FirstOrDefault(held => held.Account == account);
        if (until <= now || known?.Until >= until) return books;
        return books with { HeldAccounts = [.. books.HeldAccounts.Where(held => held.Account != account && held.Until > now), new(account, until)] };
    }

    /// <summary>Gives free slots to the first ones in the line; those whose account is held are passed over.</summary>
    public static (CapacityBooks Books, ImmutableArray<Lease> Granted) Grant(CapacityBooks books, CapacityOptions options, IAgentAccounts accounts, DateTimeOffset now)
    {
        var granted = ImmutableArray.CreateBuilder<Lease>();
        var free = options.SlotsMax - books.Leases.Length;
        if (free <= 0) return (books, []);
        var held = books.HeldAccounts.Where(account => account.Until > now).Select(account => account.Account).ToHashSet(StringComparer.Ordinal);
        foreach (var next in books.Line)
        {
            if (granted.Count == free) break;
            if (held.Count > 0 && held.Contains(accounts.AccountOf(next.WorkerType))) continue;
            granted.Add(new Lease(next.TaskId, next.Run, next.Attempt, now));
        }

        foreach (var lease in granted) books = books.WithoutWaiting(lease.TaskId);
        return (books with { Leases = books.Leases.AddRange(granted) }, granted.ToImmutable());
    }

    /// <summary>When the clock lets somebody go who waits; null: it does not.</summary>
    public static DateTimeOffset? NextTimeOf(CapacityBooks books, DateTimeOffset now) =>
        books.Line.Count == 0 ? null : books.HeldAccounts.Where(held => held.Until > now).Min(held => (DateTimeOffset?)held.Until);

    /// <summary>Takes back whatever the run of a task has. A later run keeps its own.</summary>
    public static CapacityBooks Release(CapacityBooks books, string taskId, int run)
    {
        if (books.LineByTask.TryGetValue(taskId, out var waiting) && waiting.Run <= run) books = books.WithoutWaiting(taskId);
        return books with
        {
            Leases = books.Leases.RemoveAll(lease => lease.TaskId == taskId && lease.Run <= run),
            Pending = books.Pending.Remove(taskId),
        };
    }

    /// <summary>
    /// Makes leases and line agree with the catalog: slots of tasks that have ended are free, tasks that run have one (even more than there are slots: agents that live are
    /// counted, not killed), tasks that wait stand in the line, and promises that nobody kept are dropped.
    /// </summary>
    public static CapacityBooks Recount(CapacityBooks books, IReadOnlyCollection<CatalogEntry> open, DateTimeOffset now)
    {
        var entries = open.Where(entry => entry.Phase != AgentTaskPhase.Ended).ToDictionary(entry => entry.TaskId, StringComparer.Ordinal);
        bool IsKnownOrNew(string taskId, DateTimeOffset since) =>
            now - since < ConfirmationTimeout || (entries.TryGetValue(taskId, out var entry) && (entry.Phase == AgentTaskPhase.Waiting || HoldsSlot(entry.Phase)));
        var leases = books.Leases.RemoveAll(lease => !IsKnownOrNew(lease.TaskId, lease.GrantedAt));
        var holders = entries.Values.Where(entry => HoldsSlot(entry.Phase) && !leases.Any(lease => lease.TaskId == entry.TaskId));
        var recounted = CapacityBooks.Of(leases.AddRange(holders.Select(entry => new Lease(entry.TaskId, entry.Run, entry.Attempt, now)))) with
        {
            HeldAccounts = [.. books.HeldAccounts.Where(held => held.Until > now)],
            Pending = books.Pending.RemoveRange(books.Pending.Where(pending => now - pending.Value >= ConfirmationTimeout).Select(pending => pending.Key)),
        };
        var waiting = entries.Values.Where(entry => entry.Phase == AgentTaskPhase.Waiting && recounted.LeaseOf(entry.TaskId) is null)
            .Select(entry => new WaitingEntry(entry.TaskId, entry.Run, entry.Attempt, entry.Priority, entry.CreatedAt) { WorkerType = entry.WorkerType }).ToList();
        return recounted with
        {
            Pending = recounted.Pending.RemoveRange(waiting.Select(entry => entry.TaskId)),
            Line = recounted.Line.Union(waiting),
            LineByTask = recounted.LineByTask.AddRange(waiting.Select(entry => KeyValuePair.Create(entry.TaskId, entry))),
        };
    }

    private static bool HoldsSlot(AgentTaskPhase phase) =>
        phase is AgentTaskPhase.Preparing or AgentTaskPhase.Running or AgentTaskPhase.Stopping or AgentTaskPhase.Collecting;
}
