using Orchestrator.Grains.AgentTasks;
using Orchestrator.Grains.Capacity;
using Orchestrator.Interfaces.AgentTasks;
using Orchestrator.Interfaces.Capacity;

namespace Orchestrator.Grains.Tests.Capacity;

public sealed class CapacityRulesTests
{
    private static readonly DateTimeOffset Now = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private static readonly IAgentAccounts Accounts = new AccountByAgent();

    private static CapacityBooks Empty => CapacityBooks.Of([]);

    [Theory]
    [InlineData(1, 0, 1)]
    [InlineData(2, 0, 2)]
    [InlineData(1, 3, 4)]
    [InlineData(4, 1000, 1004)]
    public void Slots_and_places_in_the_line_are_promised_once(int slots, int queueLimit, int admitted)
    {
        var options = new CapacityOptions { SlotsMax = slots, QueueLimit = queueLimit };
        var books = Empty;
        for (var i = 0; i < admitted; i++)
        {
            (books, var answer) = CapacityRules.Admit(books, $"t{i}", options, Now);
            Assert.Null(answer.Refusal);
        }

        var (after, refused) = CapacityRules.Admit(books, "one-too-many", options, Now);
        Assert.Equal("Service at capacity", refused.Refusal?.Error);
        Assert.Same(books, after);
        Assert.Null(CapacityRules.Admit(books, "t0", options, Now).Answer.Refusal);
    }

    [Fact]
    public void Without_a_line_nobody_is_taken_whom_the_machine_or_somebody_aside_keeps_from_starting()
    {
        var options = new CapacityOptions { SlotsMax = 2, QueueLimit = 0 };
        var tight = CapacityRules.Admit(Empty, "t", options, Now, "memory: 301 MB free, floor 512 MB").Answer.Refusal!;
        Assert.Equal(("Service at capacity", "No agent is started now, and QUEUE_LIMIT is 0: memory: 301 MB free, floor 512 MB."), (tight.Error, tight.Detail));
        Assert.Null(CapacityRules.Admit(Empty, "t", new() { QueueLimit = 1 }, Now, "memory").Answer.Refusal);
        Assert.Null(CapacityRules.Admit(CapacityBooks.Of([new Lease("t", 1, 1, Now)]), "t", options, Now, "memory").Answer.Refusal);
        var aside = CapacityRules.StandAside(CapacityRules.Wait(CapacityBooks.Of([new Lease("runs", 1, 1, Now)]), new("held", 1, 1, 0, Now)), "held", 1);
        Assert.Equal(
            "No slot is free: 1 of 2 are taken, 0 promised, and 1 is kept for a task that stands aside (held or blocked).", CapacityRules.Admit(aside, "t", options, Now).Answer.Refusal!.Detail);
    }

    [Fact]
    public void The_line_is_served_by_priority_then_age_then_id()
    {
        var options = new CapacityOptions { SlotsMax = 1 };
        WaitingEntry[] entries =
        [
            new("late", 1, 1, 0, Now.AddSeconds(2)), new("b", 1, 1, 0, Now), new("a", 1, 1, 0, Now), new("urgent", 1, 1, 5, Now.AddSeconds(9)), new("lazy", 1, 1, -1, Now.AddDays(-1)),
        ];
        var books = entries.Aggregate(Empty, CapacityRules.Wait);
        var served = new List<string>();
        while (books.Line.Count > 0)
        {
            (books, var granted) = Grant(books, options, Now);
            served.Add(Assert.Single(granted).TaskId);
            books = CapacityRules.Release(books, served[^1], 1);
        }

        Assert.Equal(["urgent", "a", "b", "late", "lazy"], served);
    }

    [Fact]
    public void A_confirmed_task_keeps_one_place_however_often_it_asks()
    {
        var options = new CapacityOptions { SlotsMax = 1, QueueLimit = 5 };
        var entry = new WaitingEntry("t", 1, 1, 0, Now);
        var books = CapacityRules.Wait(CapacityRules.Wait(CapacityRules.Admit(Empty, "t", options, Now).Books, entry), entry);
        Assert.Equal(1, books.Total);
        (books, _) = Grant(books, options, Now);
        Assert.Same(books, CapacityRules.Wait(books, entry));
        Assert.Equal(1, books.Total);
        Assert.Empty(books.Line);
        Assert.Single(CapacityRules.Wait(books, entry with { Run = 2 }).Line);
    }

    [Fact]
    public void Who_stands_in_the_line_and_asks_again_changes_nothing()
    {
        var entry = new WaitingEntry("t", 1, 1, 0, Now);
        var books = CapacityRules.Wait(Empty, entry);
        Assert.Same(books, CapacityRules.Wait(books, entry with { }));
        var aside = CapacityRules.StandAside(books, "t", 1);
        Assert.Equal(["t"], CapacityRules.Wait(aside, entry).Line.Select(waiting => waiting.TaskId));
        Assert.Empty(CapacityRules.Wait(aside, entry).Aside);
        var promised = books with { Pending = books.Pending.Add("t", Now) };
        Assert.Empty(CapacityRules.Wait(promised, entry).Pending);
    }

    [Fact]
    public void A_changed_priority_moves_a_task_in_the_line()
    {
        var books = CapacityRules.Wait(CapacityRules.Wait(Empty, new("a", 1, 1, 0, Now)), new("b", 1, 1, 0, Now.AddSeconds(1)));
        books = CapacityRules.Wait(books, new("b", 1, 1, 9, Now.AddSeconds(1)));
        Assert.Equal(["b", "a"], books.Line.Select(entry => entry.TaskId));
    }

    [Fact]
    public void An_old_run_cannot_give_back_what_a_later_one_has()
    {
        var books = CapacityBooks.Of([new Lease("t", 2, 1, Now)]);
        Assert.Single(CapacityRules.Release(books, "t", 1).Leases);
        Assert.Empty(CapacityRules.Release(books, "t", 2).Leases);
        Assert.Empty(CapacityRules.Release(CapacityRules.Release(books, "t", 2), "t", 2).Leases);
    }

    [Fact]
    public void A_recount_frees_what_ended_counts_what_lives_and_keeps_what_is_new()
    {
        var books = CapacityBooks.Of(
        [
            new("ended", 1, 1, Now.AddHours(-1)), new("running", 1, 1, Now.AddHours(-1)), new("granted-just-now", 1, 1, Now.AddSeconds(-5)), new("granted", 1, 1, Now.AddHours(-1)), new("blocked", 1, 1, Now.AddHours(-1)),
        ]);
        books = books with { Pending = books.Pending.Add("stored-soon", Now.AddSeconds(-5)).Add("never-stored", Now.AddMinutes(-5)) };
        var recounted = CapacityRules.Recount(
            books,
            [
                Entry("running", AgentTaskPhase.Running), Entry("adopted", AgentTaskPhase.Collecting), Entry("granted", AgentTaskPhase.Waiting),
                Entry("waits", AgentTaskPhase.Waiting), Entry("owes-a-callback", AgentTaskPhase.Ended), Entry("blocked", AgentTaskPhase.Blocked),
            ],
            Now);
        Assert.Equal(["adopted", "granted", "granted-just-now", "running"], recounted.Leases.Select(lease => lease.TaskId).Order());
        Assert.Equal(["waits"], recounted.Line.Select(entry => entry.TaskId));
        Assert.Equal(["stored-soon"], recounted.Pending.Keys);
    }

    [Fact]
    public void Random_commands_never_lease_more_slots_than_there_are_or_one_task_twice()
    {
        var random = new Random(42);
        var options = new CapacityOptions { SlotsMax = 3, QueueLimit = 4 };
        var books = Empty;
        for (var step = 0; step < 20_000; step++)
        {
            var task = $"t{random.Next(12)}";
            books = random.Next(4) switch
            {
                0 => CapacityRules.Admit(books, task, options, Now).Books,
                1 => books.Pending.ContainsKey(task) ? CapacityRules.Wait(books, new(task, 1, 1, random.Next(-2, 3), Now.AddSeconds(random.Next(50)))) : books,
                2 => CapacityRules.Release(books, task, 1),
                _ => Grant(books, options, Now).Books,
            };
            Assert.InRange(books.Leases.Length, 0, options.SlotsMax);
            Assert.InRange(books.Total, 0, options.SlotsMax + options.QueueLimit);
            Assert.Equal(books.Line.Count, books.LineByTask.Count);
            var everyone = books.Leases.Select(lease => lease.TaskId).Concat(books.Line.Select(entry => entry.TaskId)).Concat(books.Pending.Keys).ToList();
            Assert.Equal(everyone.Count, everyone.Distinct().Count());
        }
    }

    [Fact]
    public void A_held_account_is_passed_over_until_its_time_and_keeps_its_place()
    {
        var options = new CapacityOptions { SlotsMax = 1 };
        var books = CapacityRules.Wait(CapacityRules.Wait(Empty, new("claude-1", 1, 1, 0, Now) { WorkerType = "opus" }), new("script-1", 1, 1, 0, Now.AddSeconds(1)) { WorkerType = "script" });
        books = CapacityRules.Hold(books, "claude", Now.AddMinutes(5), Now);
        Assert.Equal(Now.AddMinutes(5), SlotRules.NextTimeOf(books, Now));
        (books, var granted) = Grant(books, options, Now);
        Assert.Equal("script-1", Assert.Single(granted).TaskId);
        books = CapacityRules.Release(books, "script-1", 1);
        Assert.Empty(Grant(books, options, Now.AddMinutes(5).AddTicks(-1)).Granted);
        Assert.Equal("claude-1", Assert.Single(Grant(books, options, Now.AddMinutes(5)).Granted).TaskId);
    }

    [Fact]
    public void The_later_of_two_holds_wins_and_what_has_passed_is_forgotten()
    {
        var books = CapacityRules.Hold(CapacityRules.Hold(Empty, "a", Now.AddMinutes(5), Now), "b", Now.AddMinutes(1), Now);
        Assert.Same(books, CapacityRules.Hold(books, "a", Now.AddMinutes(4), Now));
        Assert.Same(books, CapacityRules.Hold(books, "c", Now, Now));
        Assert.Equal(new HeldAccount("a", Now.AddMinutes(6)), Assert.Single(CapacityRules.Hold(books, "a", Now.AddMinutes(6), Now.AddMinutes(2)).HeldAccounts));
        Assert.Equal(new HeldAccount("a", Now.AddMinutes(5)), Assert.Single(CapacityRules.Recount(books, [], Now.AddMinutes(2)).HeldAccounts));
        Assert.Empty(CapacityRules.Recount(books, [], Now.AddMinutes(5)).HeldAccounts);
    }

    [Fact]
    public void A_clock_that_was_set_back_ends_a_hold_that_was_a_guess()
    {
        var options = new CapacityOptions { SlotsMax = 1 };
        var books = CapacityRules.Hold(CapacityRules.Wait(Empty, new("t", 1, 1, 0, Now) { WorkerType = "opus" }), "claude", Now.AddMinutes(5), Now, since: Now);
        Assert.Empty(Grant(books, options, Now).Granted);
        var back = Now.AddHours(-2);
        Assert.Single(Grant(books, options, back).Granted);
        Assert.Null(SlotRules.NextTimeOf(books, back));
        Assert.Empty(CapacityRules.Recount(books, [], back).HeldAccounts);
        Assert.Equal(back.AddMinutes(5), Assert.Single(CapacityRules.Hold(books, "claude", back.AddMinutes(5), back, since: back).HeldAccounts).Until);
        var said = CapacityRules.Hold(books with { HeldAccounts = [] }, "claude", Now.AddMinutes(5), Now);
        Assert.Empty(Grant(said, options, back).Granted);
    }

    [Fact]
    public void State_of_an_older_release_is_read()
    {
        var old = System.Text.Json.JsonSerializer.Deserialize("""{"schemaVersion":1,"leases":[{"taskId":"t","run":1,"attempt":1,"grantedAt":"2026-01-01T00:00:00+00:00"}]}""", GrainStateJsonContext.Default.CapacityState)!;
        Assert.Equal("t", Assert.Single(CapacityBooks.Of(old).Leases).TaskId);
        Assert.Empty(CapacityBooks.Of(old).HeldAccounts);

        // As the first activation does it.
        var recounted = CapacityRules.Recount(CapacityBooks.Of(old), [Entry("t", AgentTaskPhase.Running)], Now.AddHours(1));
        Assert.Equal("acme/web", Assert.Single(recounted.Leases).Repository);
        Assert.Equal("", Assert.Single(CapacityRules.Recount(CapacityBooks.Of(old), [], Now).Leases).Repository);
        Assert.Empty(SlotRules.Grant(CapacityRules.Wait(CapacityBooks.Of(old), new("w", 1, 1, 0, Now)), new(new() { SlotsMax = 1 }, Accounts, Now)).Granted);
    }

    private static (CapacityBooks Books, System.Collections.Immutable.ImmutableArray<Lease> Granted) Grant(CapacityBooks books, CapacityOptions options, DateTimeOffset now) =>
        SlotRules.Grant(books, new(options, Accounts, now));

    private sealed class AccountByAgent : IAgentAccounts
    {
        public string AccountOf(string workerType) => workerType is "opus" or "sonnet" ? "claude" : workerType;
    }

    [Fact]
    public void A_clock_that_was_set_back_keeps_no_slot_and_no_promise_of_a_task_that_is_gone()
    {
        var later = Now.AddHours(2);
        var books = CapacityRules.Admit(CapacityBooks.Of([new Lease("gone", 1, 1, later)]), "never", new() { SlotsMax = 3 }, later).Books;
        var recounted = CapacityRules.Recount(books, [], Now);
        Assert.Empty(recounted.Leases);
        Assert.Empty(recounted.Pending);
    }

    [Fact]
    public void Who_does_not_take_up_a_slot_is_told_again_after_a_minute()
    {
        var books = CapacityBooks.Of([new Lease("orphan", 1, 1, Now), new Lease("running", 1, 1, Now)]);
        CatalogEntry[] open = [Entry("orphan", AgentTaskPhase.Waiting), Entry("running", AgentTaskPhase.Running)];
        Assert.Empty(CapacityRules.NotTakenUp(books, open, Now.AddSeconds(59)));
        Assert.Equal("orphan", Assert.Single(CapacityRules.NotTakenUp(books, open, Now.AddSeconds(60))).TaskId);
    }

    private static CatalogEntry Entry(string taskId, AgentTaskPhase phase) => new()
    {
        TaskId = taskId,
        Phase = phase,
        Status = AgentTaskStatus.Running,
        Run = 1,
        Attempt = 1,
        WorkerType = "script",
        Repository = "acme/web",
        Priority = 0,
        CreatedAt = Now,
    };
}
