using Orchestrator.Grains.AgentTasks;
using Orchestrator.Grains.Capacity;
using Orchestrator.Interfaces.AgentTasks;
using Orchestrator.Interfaces.Capacity;

namespace Orchestrator.Grains.Tests.Capacity;

/// <summary>Who of the line gets a slot, and who does not.</summary>
public sealed class SlotRulesTests
{
    private static readonly DateTimeOffset Now = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly IAgentAccounts Accounts = new AccountByAgent();

    [Fact]
    public void A_repository_that_has_its_share_is_passed_over_and_keeps_its_place()
    {
        var options = new CapacityOptions { SlotsMax = 3, RepositorySlotsMax = 1 };
        var books = Line(("web-1", "acme/web"), ("web-2", "Acme/Web"), ("api-1", "acme/api"), ("web-3", "acme/web"));
        (books, var granted) = Grant(books, options);
        Assert.Equal(["web-1", "api-1"], granted.Select(lease => lease.TaskId));
        Assert.Equal("repository Acme/Web: 1 of 1", Reason(books, "web-2", options));
        books = CapacityRules.Release(books, "web-1", 1);
        Assert.Equal(["web-2"], Grant(books, options).Granted.Select(lease => lease.TaskId));
    }

    [Theory]
    [InlineData(0, 4)]
    [InlineData(1, 1)]
    [InlineData(3, 3)]
    [InlineData(9, 4)]
    public void The_share_of_a_repository_counts_what_runs_already(int share, int atOnce)
    {
        var options = new CapacityOptions { SlotsMax = 4, RepositorySlotsMax = share };
        var books = Line(("a", "acme/web"), ("b", "acme/web"), ("c", "acme/web"), ("d", "acme/web"), ("e", "acme/web"));
        (books, _) = Grant(books, options);
        (books, _) = Grant(books, options);
        Assert.Equal(atOnce, books.Leases.Length);
    }

    [Theory]
    [InlineData(PoolMode.Paused)]
    [InlineData(PoolMode.Draining)]
    public void A_pool_that_is_not_open_gives_no_slot(PoolMode mode)
    {
        var books = Line(("a", "acme/web")) with { Mode = mode };
        Assert.Empty(Grant(books, new() { SlotsMax = 2 }).Granted);
        Assert.False(SlotRules.HasUse(books, new()));
        Assert.Equal(mode == PoolMode.Paused ? "paused" : "draining", Reason(books, "a", new()));
    }

    [Fact]
    public void A_machine_in_the_way_gives_no_slot_and_says_why_to_those_whose_turn_it_is()
    {
        var options = new CapacityOptions { SlotsMax = 1 };
        var conditions = new SlotConditions(options, Accounts, Now, "memory: 3 MB free, floor 5 MB");
        var books = Line(("a", "acme/web"), ("b", "acme/web"));
        Assert.Empty(SlotRules.Grant(books, conditions).Granted);
        Assert.Equal("memory: 3 MB free, floor 5 MB", SlotRules.ReasonOf(books, books.LineByTask["a"], conditions));
        (books, _) = Grant(books, options);
        Assert.Equal("slot", SlotRules.ReasonOf(books, books.LineByTask["b"], conditions));
    }

    [Fact]
    public void A_held_account_is_the_reason_before_the_repository()
    {
        var options = new CapacityOptions { SlotsMax = 2, RepositorySlotsMax = 1 };
        var books = CapacityRules.Hold(Line(("a", "acme/web"), ("b", "acme/web")), "claude", Now.AddMinutes(90), Now);
        books = books with { Leases = [new("other", 1, 1, Now) { Repository = "acme/web" }] };
        Assert.Equal("account claude until 2026-01-01T01:30:00Z", Reason(books, "a", options));
        Assert.Equal("repository acme/web: 1 of 1", SlotRules.ReasonOf(books, books.LineByTask["a"], new(options, Accounts, Now.AddMinutes(90))));
    }

    [Fact]
    public void Tasks_aside_take_room_and_get_none()
    {
        var options = new CapacityOptions { SlotsMax = 1, QueueLimit = 1 };
        var books = CapacityRules.StandAside(CapacityRules.StandAside(CapacityBooks.Of([]), "a", 1), "a", 1);
        books = CapacityRules.StandAside(books, "b", 1);
        Assert.Equal((2, 0), (books.Unserved, books.Line.Count));
        Assert.Equal("Service at capacity", CapacityRules.Admit(books, "c", options, Now).Answer.Refusal?.Error);
        Assert.Null(CapacityRules.Admit(books, "a", options, Now).Answer.Refusal);
        books = CapacityRules.Wait(books, Entry("a", "acme/web", 0));
        Assert.Equal((2, 1), (books.Unserved, books.Line.Count));
        Assert.Equal(1, CapacityRules.Release(books, "b", 1).Unserved);
    }

    [Fact]
    public void Who_stands_aside_gives_its_slot_back()
    {
        var books = CapacityRules.StandAside(CapacityBooks.Of([new Lease("a", 1, 1, Now)]), "a", 1);
        Assert.Empty(books.Leases);
        Assert.Equal(["a"], books.Aside);

        // What an old run says does not touch the slot of a later one.
        books = CapacityRules.StandAside(CapacityBooks.Of([new Lease("a", 2, 1, Now)]), "a", 1);
        Assert.Equal((1, 0), (books.Leases.Length, books.Aside.Count));
    }

    [Theory]
    [InlineData(PoolMode.Open, 5, 7, "Service at capacity")]
    [InlineData(PoolMode.Open, 0, 2, "Service at capacity")]
    [InlineData(PoolMode.Paused, 5, 5, "Service at capacity")]
    [InlineData(PoolMode.Paused, 0, 0, "Service at capacity")]
    [InlineData(PoolMode.Draining, 5, 0, "Service is draining")]
    public void What_a_pool_takes_follows_its_mode(PoolMode mode, int queueLimit, int admitted, string refusal)
    {
        var options = new CapacityOptions { SlotsMax = 2, QueueLimit = queueLimit };
        var books = CapacityBooks.Of([]) with { Mode = mode };
        for (var i = 0; i < admitted; i++)
        {
            (books, var answer) = CapacityRules.Admit(books, $"t{i}", options, Now);
            Assert.Null(answer.Refusal);
        }

        var no = CapacityRules.Admit(books, "one-too-many", options, Now).Answer.Refusal!;
        Assert.Equal(refusal, no.Error);
        Assert.InRange(no.RetryAfterSeconds, 1, 600);
    }

    [Fact]
    public void A_recount_makes_line_and_those_aside_from_the_catalog_and_leaves_what_agrees()
    {
        var books = CapacityRules.StandAside(Line(("stays", "acme/web"), ("gone", "acme/web")), "was-aside", 1) with { Mode = PoolMode.Paused };
        books = books with { Pending = books.Pending.Add("blocked", Now).Add("new", Now).Add("comes", Now) };
        CatalogEntry[] open =
        [
            Row("stays", AgentTaskPhase.Waiting, "acme/web", CreatedAtOf(books, "stays")), Row("new", AgentTaskPhase.Waiting), Row("blocked", AgentTaskPhase.Blocked),
            Row("held", AgentTaskPhase.Held), Row("runs", AgentTaskPhase.Running, "acme/api"),
        ];
        var recounted = CapacityRules.Recount(books, open, Now);
        Assert.Equal(["new", "stays"], recounted.LineByTask.Keys.Order());
        Assert.Same(books.LineByTask["stays"], recounted.LineByTask["stays"]);
        Assert.Equal(["blocked", "held"], recounted.Aside.Order());
        Assert.Equal(["comes"], recounted.Pending.Keys);
        Assert.Equal(("runs", "acme/api"), (recounted.Leases[0].TaskId, recounted.Leases[0].Repository));
        Assert.Equal(PoolMode.Paused, recounted.Mode);
    }

    [Fact]
    public void Random_commands_keep_all_caps_and_pass_nobody_over_without_one()
    {
        var random = new Random(11);
        var options = new CapacityOptions { SlotsMax = 4, QueueLimit = 30, RepositorySlotsMax = 2 };
        var (books, now) = (CapacityBooks.Of([]), Now);
        string[] workers = ["opus", "script"], repositories = ["acme/a", "acme/b", "acme/c"];
        for (var step = 0; step < 20_000; step++)
        {
            now = now.AddSeconds(1);
            var task = $"t{random.Next(40)}";
            books = random.Next(8) switch
            {
                0 or 1 or 2 => CapacityRules.Wait(books, new(task, 1, 1, random.Next(-1, 2), Now.AddSeconds(random.Next(9))) { WorkerType = workers[random.Next(2)], Repository = repositories[random.Next(3)] }),
                3 or 4 => CapacityRules.Release(books, task, 1),
                5 => CapacityRules.StandAside(books, task, 1),
                6 => CapacityRules.Hold(books, "claude", now.AddSeconds(random.Next(20)), now),
                _ => books with { Mode = (PoolMode)random.Next(3) },
            };
            var (before, conditions) = (books, new SlotConditions(options, Accounts, now, random.Next(5) == 0 ? "memory" : null));
            (books, var granted) = SlotRules.Grant(books, conditions);
            if (before.Mode != PoolMode.Open || conditions.Obstacle is not null) Assert.Empty(granted);
            Assert.InRange(books.Leases.Length, 0, options.SlotsMax);
            Assert.All(books.Leases.GroupBy(lease => lease.Repository), group => Assert.InRange(group.Count(), 0, options.RepositorySlotsMax));
            Assert.Equal(books.Total, books.Leases.Select(lease => lease.TaskId).Concat(books.LineByTask.Keys).Concat(books.Aside).Distinct().Count());

            // Whoever is left although there is room has a reason of its own.
            if (books.Mode != PoolMode.Open || conditions.Obstacle is not null || books.Leases.Length == options.SlotsMax) continue;
            Assert.All(books.Line, entry => Assert.NotEqual("slot", SlotRules.ReasonOf(books, entry, conditions)));
        }
    }

    private static DateTimeOffset CreatedAtOf(CapacityBooks books, string taskId) => books.LineByTask[taskId].CreatedAt;

    private static (CapacityBooks Books, System.Collections.Immutable.ImmutableArray<Lease> Granted) Grant(CapacityBooks books, CapacityOptions options) =>
        SlotRules.Grant(books, new(options, Accounts, Now));

    private static string Reason(CapacityBooks books, string taskId, CapacityOptions options) => SlotRules.ReasonOf(books, books.LineByTask[taskId], new(options, Accounts, Now));

    /// <summary>In that order, by age.</summary>
    private static CapacityBooks Line(params (string TaskId, string Repository)[] tasks) =>
        tasks.Index().Aggregate(CapacityBooks.Of([]), (books, task) => CapacityRules.Wait(books, Entry(task.Item.TaskId, task.Item.Repository, task.Index)));

    private static WaitingEntry Entry(string taskId, string repository, int age) => new(taskId, 1, 1, 0, Now.AddSeconds(age)) { WorkerType = "opus", Repository = repository };

    private static CatalogEntry Row(string taskId, AgentTaskPhase phase, string repository = "acme/web", DateTimeOffset? createdAt = null) => new()
    {
        TaskId = taskId,
        Phase = phase,
        Status = AgentTaskStatus.Queued,
        Run = 1,
        Attempt = 1,
        WorkerType = "opus",
        Repository = repository,
        Priority = 0,
        CreatedAt = createdAt ?? Now,
    };

    private sealed class AccountByAgent : IAgentAccounts
    {
        public string AccountOf(string workerType) => workerType == "opus" ? "claude" : workerType;
    }
}
