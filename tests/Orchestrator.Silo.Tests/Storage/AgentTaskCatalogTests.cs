using Orchestrator.Grains.AgentTasks;
using Orchestrator.Interfaces.AgentTasks;
using Orchestrator.Silo.Tests.Http;

namespace Orchestrator.Silo.Tests.Storage;

public sealed class AgentTaskCatalogTests
{
    private static readonly DateTimeOffset Begin = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    [Fact]
    public async Task A_row_is_read_as_it_was_written()
    {
        await using var service = await ServiceUnderTest.StartAsync();
        var catalog = service.Get<IAgentTaskCatalog>();
        var entry = Entry("a", 0) with
        {
            Status = AgentTaskStatus.Failed,
            Phase = AgentTaskPhase.Ended,
            Run = 2,
            Attempt = 3,
            Priority = -7,
            StartedAt = Begin.AddTicks(1),
            CompletedAt = Begin.AddHours(1),
            ErrorCode = "SETUP_FAILED",
            Branch = "task/a",
            OwesCallback = true,
        };
        Assert.Equal(CatalogAddOutcome.Added, await catalog.AddAsync(Entry("a", 0), default));
        await catalog.UpdateAsync(entry, default);
        Assert.Equal(entry, Assert.Single(catalog.ReadOpen()));
        Assert.Equal(1, catalog.CountOwing());

        await catalog.UpdateAsync(Entry("new", 1), default);
        Assert.Equal(["a", "new"], catalog.ReadOpen().Select(row => row.TaskId));
    }

    [Fact]
    public async Task A_known_id_is_left_as_it_is_and_another_case_of_it_is_a_conflict()
    {
        await using var service = await ServiceUnderTest.StartAsync();
        var catalog = service.Get<IAgentTaskCatalog>();
        await catalog.AddAsync(Entry("Task-A", 0), default);
        Assert.Equal(CatalogAddOutcome.Exists, await catalog.AddAsync(Entry("Task-A", 5) with { Repository = "other/one" }, default));
        Assert.Equal(CatalogAddOutcome.CaseConflict, await catalog.AddAsync(Entry("task-a", 5), default));
        Assert.Equal(Entry("Task-A", 0), Assert.Single(catalog.ReadOpen()));

        await catalog.RemoveAsync("Task-A", default);
        Assert.Equal(CatalogAddOutcome.Added, await catalog.AddAsync(Entry("task-a", 5), default));
    }

    [Fact]
    public async Task Of_concurrent_rows_of_one_id_one_is_added()
    {
        await using var service = await ServiceUnderTest.StartAsync();
        var catalog = service.Get<IAgentTaskCatalog>();
        var outcomes = await Task.WhenAll(Enumerable.Range(0, 16).Select(i => Task.Run(() => catalog.AddAsync(Entry("x", i), default))));
        Assert.Single(outcomes, outcome => outcome == CatalogAddOutcome.Added);
    }

    [Fact]
    public async Task Open_are_those_that_have_not_ended_or_owe_something()
    {
        await using var service = await ServiceUnderTest.StartAsync();
        var catalog = service.Get<IAgentTaskCatalog>();
        await catalog.AddAsync(Entry("waiting", 3), default);
        await catalog.AddAsync(Entry("stopping", 2) with { Status = AgentTaskStatus.Cancelled, Phase = AgentTaskPhase.Stopping }, default);
        await catalog.AddAsync(Entry("owing", 1) with { Status = AgentTaskStatus.Completed, Phase = AgentTaskPhase.Ended, OwesCallback = true }, default);
        await catalog.AddAsync(Entry("ended", 0) with { Status = AgentTaskStatus.Completed, Phase = AgentTaskPhase.Ended }, default);
        Assert.Equal(["owing", "stopping", "waiting"], catalog.ReadOpen().Select(row => row.TaskId));
    }

    [Fact]
    public async Task Pages_hold_every_row_once_while_new_ones_come()
    {
        await using var service = await ServiceUnderTest.StartAsync();
        var catalog = service.Get<IAgentTaskCatalog>();

        // Several of the same time, so that the id decides.
        for (var i = 0; i < 25; i++) await catalog.AddAsync(Entry($"t{i:00}", i / 4), default);
        var (seen, after) = (new List<string>(), (string?)null);
        do
        {
            var page = catalog.ReadPage(new(null, null, 4, after));
            Assert.True(page.Entries.Count <= 4);
            seen.AddRange(page.Entries.Select(row => row.TaskId));
            await catalog.AddAsync(Entry($"late{seen.Count}", 100), default);
            after = page.NextCursor;
        }
        while (after is not null);
        Assert.Equal(Enumerable.Range(0, 25).Reverse().Select(i => $"t{i:00}"), seen);
    }

    [Fact]
    public async Task A_page_of_a_status_or_repository_holds_nothing_else()
    {
        await using var service = await ServiceUnderTest.StartAsync();
        var catalog = service.Get<IAgentTaskCatalog>();
        for (var i = 0; i < 6; i++)
        {
            await catalog.AddAsync(
                Entry($"t{i}", i) with { Status = i % 2 == 0 ? AgentTaskStatus.Queued : AgentTaskStatus.Running, Repository = i < 3 ? "acme/a" : "acme/b" }, default);
        }

        Assert.Equal(["t4", "t2", "t0"], Ids(new(AgentTaskStatus.Queued, null, 50, null)));
        Assert.Equal(["t2", "t1", "t0"], Ids(new(null, "acme/a", 50, null)));
        Assert.Equal(["t5", "t3"], Ids(new(AgentTaskStatus.Running, "acme/b", 50, null)));
        Assert.Throws<ArgumentException>(() => catalog.ReadPage(new(null, null, 1, "nonsense")));

        IEnumerable<string> Ids(CatalogQuery query) => catalog.ReadPage(query).Entries.Select(row => row.TaskId);
    }

    private static CatalogEntry Entry(string id, int minutes) => new()
    {
        TaskId = id,
        Status = AgentTaskStatus.Queued,
        Phase = AgentTaskPhase.Waiting,
        Run = 1,
        Attempt = 1,
        WorkerType = "script",
        Repository = "acme/web",
        Priority = 0,
        CreatedAt = Begin.AddMinutes(minutes),
    };
}
