using System.Collections.Immutable;
using Orchestrator.Grains.AgentTasks;
using Orchestrator.Interfaces.AgentTasks;
using Orchestrator.Interfaces.Capacity;

namespace Orchestrator.Grains.Capacity;

/// <summary>What a pool's books say after each event. Pure: books in, books out. Who gets a slot: <see cref="SlotRules"/>.</summary>
internal static class CapacityRules
{
    /// <summary>How long an admission or a lease may be without a stored task before a recount drops it.</summary>
    public static readonly TimeSpan ConfirmationTimeout = TimeSpan.FromMinutes(1);

    private const int BusyRetryAfterSeconds = 30;
    private const int DrainingRetryAfterSeconds = 60;

    /// <summary>A place for a task that is not stored yet, or no.</summary>
    /// <param name="books">The books.</param>
    /// <param name="taskId">Who wants to come.</param>
    /// <param name="options">The pool's limits.</param>
    /// <param name="now">UTC.</param>
    /// <param name="obstacle">Why the machine starts nothing now, for people; null: it does. Only a pool without a line minds it.</param>
    public static (CapacityBooks Books, AdmissionResult Answer) Admit(CapacityBooks books, string taskId, CapacityOptions options, DateTimeOffset now, string? obstacle = null)
    {
        if (books.Knows(taskId)) return (books, AdmissionResult.Admitted);
        if ((WhyNot(books, options) ?? NoLineAndNoStart(options, obstacle)) is { } refusal) return (books, new AdmissionResult(refusal));
        return (books with { Pending = books.Pending.Add(taskId, now) }, AdmissionResult.Admitted);
    }

    /// <summary>A stored task joins the line, unless it has a slot. The same books when it stands there already.</summary>
    public static CapacityBooks Wait(CapacityBooks books, WaitingEntry entry)
    {
        if (Stands(books, entry)) return books;
        var confirmed = books with { Pending = books.Pending.Remove(entry.TaskId), Aside = books.Aside.Remove(entry.TaskId) };
        return books.LeaseOf(entry.TaskId) is { } lease && lease.Run == entry.Run ? confirmed : confirmed.WithWaiting(entry);
    }

    private static bool Stands(CapacityBooks books, WaitingEntry entry) => !books.Pending.ContainsKey(entry.TaskId) && !books.Aside.Contains(entry.TaskId)
        && ((books.LineByTask.TryGetValue(entry.TaskId, out var known) && known == entry) || books.LeaseOf(entry.TaskId)?.Run == entry.Run);

    /// <summary>Takes back whatever the run of a task has. A later run keeps its own.</summary>
    public static CapacityBooks Release(CapacityBooks books, string taskId, int run)
    {
        if (books.LineByTask.TryGetValue(taskId, out var waiting) && waiting.Run <= run) books = books.WithoutWaiting(taskId);
        return books with
        {
            Leases = books.Leases.RemoveAll(lease => lease.TaskId == taskId && lease.Run <= run),
            Pending = books.Pending.Remove(taskId),
            Aside = books.Aside.Remove(taskId),
        };
    }

    /// <summary>Takes back what the run of a task has, and counts it among those who wait.</summary>
    public static CapacityBooks StandAside(CapacityBooks books, string taskId, int run)
    {
        var released = Release(books, taskId, run);
        return released.Knows(taskId) ? released : released with { Aside = released.Aside.Add(taskId) };
    }

    /// <summary>Holds an account; the later time wins, and what has passed is forgotten.</summary>
    public static CapacityBooks Hold(CapacityBooks books, string account, DateTimeOffset until, DateTimeOffset now, DateTimeOffset? since = null)
    {
        var hold = new HeldAccount(account, until) { Since = since };
        if (!hold.IsHeldAt(now) || books.HeldAccounts.Any(held => held.Account == account && held.IsHeldAt(now) && held.Until >= until)) return books;
        return books with { HeldAccounts = [.. books.HeldAccounts.Where(held => held.Account != account && held.IsHeldAt(now)), hold] };
    }

    /// <summary>The account may be used again.</summary>
    public static CapacityBooks EndHold(CapacityBooks books, string account) =>
        books.HeldAccounts.Any(held => held.Account == account) ? books with { HeldAccounts = [.. books.HeldAccounts.Where(held => held.Account != account)] } : books;

    /// <summary>
    /// Makes leases and line agree with the catalog: slots of tasks that have ended are free, tasks that run have one (even more than there are slots: agents that live are
    /// counted, not killed), tasks that wait stand in the line or aside, and promises that nobody kept are dropped.
    /// </summary>
    public static CapacityBooks Recount(CapacityBooks books, IReadOnlyCollection<CatalogEntry> open, DateTimeOffset now)
    {
        var entries = open.Where(entry => entry.Phase != AgentTaskPhase.Ended).ToDictionary(entry => entry.TaskId, StringComparer.Ordinal);
        var leases = RecountLeases(books, entries, now);
        var holders = leases.Select(lease => lease.TaskId).ToHashSet(StringComparer.Ordinal);
        var waiting = entries.Values.Where(entry => entry.Phase == AgentTaskPhase.Waiting && !holders.Contains(entry.TaskId)).Select(EntryOf).ToDictionary(entry => entry.TaskId, StringComparer.Ordinal);
        var aside = entries.Values.Where(entry => entry.Phase is AgentTaskPhase.Blocked or AgentTaskPhase.Held && !holders.Contains(entry.TaskId)).Select(entry => entry.TaskId).ToList();
        var recounted = books with
        {
            Leases = leases,
            HeldAccounts = [.. books.HeldAccounts.Where(held => held.IsHeldAt(now))],
            Pending = books.Pending.RemoveRange(books.Pending.Where(pending => !IsNew(pending.Value, now)).Select(pending => pending.Key).Concat(waiting.Keys).Concat(aside)),
            Aside = books.Aside.Clear().Union(aside),
        };

        // Ten thousand that stand as they stood cost nothing.
        foreach (var gone in recounted.LineByTask.Keys.Where(taskId => !waiting.ContainsKey(taskId)).ToList()) recounted = recounted.WithoutWaiting(gone);
        return waiting.Values.Aggregate(recounted, (next, entry) => next.WithWaiting(entry));
    }

    private static ImmutableArray<Lease> RecountLeases(CapacityBooks books, Dictionary<string, CatalogEntry> entries, DateTimeOffset now)
    {
        bool IsKnownOrNew(string taskId, DateTimeOffset since) =>
            IsNew(since, now) || (entries.TryGetValue(taskId, out var entry) && (entry.Phase == AgentTaskPhase.Waiting || HoldsSlot(entry.Phase)));
        var leases = books.Leases.RemoveAll(lease => !IsKnownOrNew(lease.TaskId, lease.GrantedAt));
        var known = leases.Select(lease => lease.TaskId).ToHashSet(StringComparer.Ordinal);
        var found = entries.Values.Where(entry => HoldsSlot(entry.Phase) && !known.Contains(entry.TaskId))
            .Select(entry => new Lease(entry.TaskId, entry.Run, entry.Attempt, now) { Repository = entry.Repository });
        return [.. leases.Select(lease => lease.Repository.Length == 0 && entries.TryGetValue(lease.TaskId, out var entry) ? lease with { Repository = entry.Repository } : lease), .. found];
    }

    /// <summary>Those who were told of their slot long ago and have not taken it up: the notice was lost, or nobody is there who could take it.</summary>
    public static IEnumerable<Lease> NotTakenUp(CapacityBooks books, IReadOnlyCollection<CatalogEntry> open, DateTimeOffset now)
    {
        var waiting = open.Where(entry => entry.Phase == AgentTaskPhase.Waiting).Select(entry => entry.TaskId).ToHashSet(StringComparer.Ordinal);
        return books.Leases.Where(lease => !IsNew(lease.GrantedAt, now) && waiting.Contains(lease.TaskId));
    }

    /// <summary>What is to come yet is old, too: the clock was set back, and nobody must wait for it.</summary>
    private static bool IsNew(DateTimeOffset since, DateTimeOffset now) => (now - since).Duration() < ConfirmationTimeout;

    private static AdmissionRefusal? WhyNot(CapacityBooks books, CapacityOptions options)
    {
        if (books.Mode == PoolMode.Draining)
            return new("Service is draining", $"It takes no more tasks until POST /admin/resume; {books.Leases.Length} run and {books.Unserved} wait.", DrainingRetryAfterSeconds);

        // Free slots are places too, unless none is given.
        var isFull = books.Mode == PoolMode.Open ? books.Total >= options.SlotsMax + options.QueueLimit : books.Unserved >= options.QueueLimit;
        if (!isFull) return null;
        var detail = (options.QueueLimit, books.Mode) switch
        {
            (0, PoolMode.Open) => $"No slot is free: {books.Leases.Length} of {options.SlotsMax} are taken, {books.Unserved - books.Aside.Count} promised{AsideWords(books)}.",
            (0, _) => "The service is paused, and QUEUE_LIMIT is 0.",
            _ => $"{books.Unserved} tasks wait already; QUEUE_LIMIT is {options.QueueLimit}.",
        };
        return new("Service at capacity", detail, BusyRetryAfterSeconds);
    }

    /// <summary>Without a line nobody may wait, not even for the machine: the next one may have memory.</summary>
    private static AdmissionRefusal? NoLineAndNoStart(CapacityOptions options, string? obstacle) => options.QueueLimit == 0 && obstacle is not null
        ? new("Service at capacity", $"No agent is started now, and QUEUE_LIMIT is 0: {obstacle}.", BusyRetryAfterSeconds)
        : null;

    /// <summary>Those who will want their slot back.</summary>
    private static string AsideWords(CapacityBooks books) => books.Aside.Count switch
    {
        0 => "",
        1 => ", and 1 is kept for a task that stands aside (held or blocked)",
        var count => $", and {count} are kept for tasks that stand aside (held or blocked)",
    };

    private static WaitingEntry EntryOf(CatalogEntry entry) =>
        new(entry.TaskId, entry.Run, entry.Attempt, entry.Priority, entry.CreatedAt) { WorkerType = entry.WorkerType, Repository = entry.Repository };

    private static bool HoldsSlot(AgentTaskPhase phase) =>
        phase is AgentTaskPhase.Preparing or AgentTaskPhase.Running or AgentTaskPhase.Stopping or AgentTaskPhase.Collecting;
}
