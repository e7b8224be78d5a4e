using Orchestrator.Interfaces.AgentTasks;
using Orchestrator.Interfaces.Capacity;

namespace Orchestrator.Grains.Tests.AgentTasks;

/// <content>Who gets a slot when.</content>
public sealed partial class AgentTaskGrainTests
{
    [Fact]
    public async Task A_held_account_starts_nothing_until_its_time_also_after_a_restart()
    {
        await using var silo = await TaskSilo.StartAsync(silo => silo.Capacity.SlotsMax = 2);
        var until = silo.Clock.GetUtcNow().AddMinutes(10);
        await Pool(silo).HoldAccountAsync("claude", until);
        await Pool(silo).HoldAccountAsync("claude", until.AddMinutes(-5));
        Assert.Equal(SubmitOutcome.Accepted, (await silo.SubmitAsync("t1")).Outcome);
        Assert.Equal((0, 1, 0), await CountsAsync(silo));
        Assert.StartsWith("account claude until ", (await silo.TaskGrain("t1").GetAsync())!.WaitingFor, StringComparison.Ordinal);
        await silo.RestartAsync();
        Assert.Equal([new HeldAccount("claude", until)], (await silo.CapacityAsync()).HeldAccounts);
        Assert.Equal((0, 1, 0), await CountsAsync(silo));
        silo.Clock.Advance(TimeSpan.FromMinutes(10));
        await RunningAsync(silo, "t1");
        Assert.Empty((await silo.CapacityAsync()).HeldAccounts);
    }

    [Theory]
    [InlineData(PoolMode.Paused)]
    [InlineData(PoolMode.Draining)]
    public async Task A_pool_that_is_not_open_starts_nothing_also_after_a_restart_and_lets_run_what_runs(PoolMode mode)
    {
        await using var silo = await TaskSilo.StartAsync();
        await silo.SubmitAsync("t1");
        await RunningAsync(silo, "t1");
        await silo.SubmitAsync("t2");
        await Pool(silo).SetModeAsync(mode);
        var late = await silo.SubmitAsync("t3");
        Assert.Equal(mode == PoolMode.Paused ? SubmitOutcome.Accepted : SubmitOutcome.Refused, late.Outcome);
        if (mode == PoolMode.Draining) Assert.Equal("Service is draining", late.Refusal!.Error);
        Assert.Equal(SubmitOutcome.Accepted, (await silo.SubmitAsync("t2")).Outcome);
        silo.Machine.End(First);
        await SettledAsync(silo, "t1");
        await silo.RestartAsync();
        await TickUntilAsync(silo, Task.CompletedTask);
        var pool = await silo.CapacityAsync();
        Assert.Equal((mode, 0), (pool.Mode, pool.Leased));
        Assert.NotNull(pool.GivesNone);
        Assert.Equal(pool.GivesNone, (await silo.TaskGrain("t2").GetAsync())!.WaitingFor);
        Assert.DoesNotContain(silo.Machine.Log, line => line.Contains("t2", StringComparison.Ordinal) || line.Contains("t3", StringComparison.Ordinal));
        await Pool(silo).SetModeAsync(PoolMode.Open);
        await RunningAsync(silo, "t2");
    }

    [Fact]
    public async Task Nothing_is_started_while_memory_is_short_and_it_is_looked_at_again_soon()
    {
        await using var silo = await TaskSilo.StartAsync(silo => (silo.AvailableBytes, silo.Capacity.MemoryFloorBytes) = (301L << 20, 512L << 20));
        await silo.SubmitAsync("t1");
        Assert.Equal((0, 1, 0), await CountsAsync(silo));
        Assert.Equal("memory: 301 MB free, floor 512 MB", (await silo.TaskGrain("t1").GetAsync())!.WaitingFor);
        Assert.Equal("memory: 301 MB free, floor 512 MB", (await silo.CapacityAsync()).GivesNone);
        silo.AvailableBytes = 512L << 20;
        silo.Clock.Advance(TimeSpan.FromSeconds(5));
        await RunningAsync(silo, "t1");
    }

    [Fact]
    public async Task A_slot_whose_pool_could_not_be_asked_is_taken_up_seconds_later()
    {
        await using var silo = await TaskSilo.StartAsync();
        await silo.SubmitAsync("t1");
        await RunningAsync(silo, "t1");
        await silo.SubmitAsync("t2");
        var refused = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        silo.Loses = call => call.MethodName == nameof(ICapacityGrain.WaitAsync) && refused.TrySetResult() ? throw new IOException("The pool is not there.") : false;
        silo.Machine.End(First);
        await refused.Task.WaitAsync(TimeSpan.FromSeconds(20));

        // Behind the turn that met the refusal.
        Assert.Equal(AgentTaskPhase.Waiting, (await silo.TaskGrain("t2").GetAsync())!.Phase);
        silo.Clock.Advance(TimeSpan.FromSeconds(5));
        await RunningAsync(silo, "t2");
    }

    [Fact]
    public async Task Who_asks_again_from_the_same_place_has_nobody_looked_at()
    {
        await using var silo = await TaskSilo.StartAsync(silo => (silo.AvailableBytes, silo.Capacity.MemoryFloorBytes) = (1L << 40, 512L << 20));
        await Pool(silo).HoldAccountAsync("claude", silo.Clock.GetUtcNow().AddHours(2));
        await silo.SubmitAsync("t1");
        var entry = new WaitingEntry("t9", 1, 1, 0, silo.Clock.GetUtcNow()) { WorkerType = "opus", Repository = "acme/web" };
        Assert.Equal(2, (await Pool(silo).WaitAsync(entry, CancellationToken.None)).Position);
        var looks = silo.LooksAtMemory;
        Assert.Equal(2, (await Pool(silo).WaitAsync(entry, CancellationToken.None)).Position);
        Assert.Equal(looks, silo.LooksAtMemory);
        Assert.Equal(1, (await Pool(silo).WaitAsync(entry with { Priority = 1 }, CancellationToken.None)).Position);
        Assert.True(silo.LooksAtMemory > looks, "Somebody who comes anew may get a slot.");
    }

    [Theory]
    [InlineData(null, 512)]
    [InlineData(1L, 0)]
    public async Task Memory_that_is_not_known_or_not_asked_for_holds_nobody_up(long? available, int floorMegabytes)
    {
        await using var silo = await TaskSilo.StartAsync(silo => (silo.AvailableBytes, silo.Capacity.MemoryFloorBytes) = (available, (long)floorMegabytes << 20));
        await silo.SubmitAsync("t1");
        await RunningAsync(silo, "t1");
    }

    [Fact]
    public async Task A_repository_runs_as_many_as_it_may_and_others_go_ahead()
    {
        await using var silo = await TaskSilo.StartAsync(silo => (silo.Capacity.SlotsMax, silo.Capacity.RepositorySlotsMax) = (3, 1));
        await SubmitAsync(silo, "web-1", repository: "acme/web");
        await SubmitAsync(silo, "web-2", repository: "acme/web");
        await SubmitAsync(silo, "api-1", repository: "acme/api");
        await RunningAsync(silo, "web-1");
        await RunningAsync(silo, "api-1");
        Assert.Equal("repository acme/web: 1 of 1", (await silo.TaskGrain("web-2").GetAsync())!.WaitingFor);
        await silo.RestartAsync();
        Assert.Equal((2, 1, 0), await CountsAsync(silo));
        silo.Machine.End(new("web-1", 1, 1));
        await RunningAsync(silo, "web-2");
    }

    [Fact]
    public async Task Another_priority_moves_a_task_is_kept_over_a_restart_and_makes_no_other_request_of_it()
    {
        await using var silo = await TaskSilo.StartAsync();
        await silo.SubmitAsync("t1");
        await RunningAsync(silo, "t1");
        await silo.SubmitAsync("t2");
        await silo.SubmitAsync("t3");
        Assert.Equal(new(PriorityOutcome.Changed, 1), await silo.TaskGrain("t3").ReprioritizeAsync(5));
        Assert.Equal(new(PriorityOutcome.Changed, 1), await silo.TaskGrain("t3").ReprioritizeAsync(5));
        Assert.Equal(5, silo.Catalog.Find("t3")!.Priority);
        await silo.RestartAsync();
        Assert.Equal(SubmitOutcome.Accepted, (await silo.SubmitAsync("t3")).Outcome);
        var task = (await silo.TaskGrain("t3").GetAsync())!;
        Assert.Equal((5, 1, 1), (task.NewPriority, task.QueuePosition, task.Timeline.Count(entry => entry.Event == "priority_changed")));
        Assert.Equal(new(PriorityOutcome.Changed, 2), await silo.TaskGrain("t3").ReprioritizeAsync(-100));
        Assert.Equal(new(PriorityOutcome.Changed, null), await silo.TaskGrain("t1").ReprioritizeAsync(1));
        silo.Machine.End(First);
        await SettledAsync(silo, "t1");
        Assert.Equal(PriorityOutcome.AlreadyCompleted, (await silo.TaskGrain("t1").ReprioritizeAsync(2)).Outcome);
        Assert.Equal(PriorityOutcome.NotFound, (await silo.TaskGrain("unknown").ReprioritizeAsync(2)).Outcome);
    }

    [Fact]
    public async Task A_dependent_waits_without_a_slot_until_all_have_completed_and_keeps_its_age()
    {
        await using var silo = await TaskSilo.StartAsync(silo => silo.Capacity.SlotsMax = 2);
        await silo.SubmitAsync("a");
        await silo.SubmitAsync("b");
        await SubmitAsync(silo, "then", dependsOn: ["a", "b"]);
        silo.Clock.Advance(TimeSpan.FromSeconds(1));
        await silo.SubmitAsync("younger");
        await RunningAsync(silo, "b");
        var blocked = (await silo.TaskGrain("then").GetAsync())!;
        Assert.Equal((AgentTaskStatus.Queued, AgentTaskPhase.Blocked, "dependencies a, b"), (blocked.Status, blocked.Phase, blocked.WaitingFor));
        Assert.Equal("a, b", Assert.Single(blocked.Timeline, entry => entry.Event == "waits_for").Detail);
        Assert.Equal(1, (await silo.CapacityAsync()).Aside);

        // The slot of the first goes to the younger one, because the older still waits for the second.
        silo.Machine.End(new("a", 1, 1));
        await RunningAsync(silo, "younger");
        await silo.RestartAsync();
        Assert.Equal("dependency b", (await silo.TaskGrain("then").GetAsync())!.WaitingFor);
        await SubmitAsync(silo, "youngest");
        await Pool(silo).SetModeAsync(PoolMode.Paused);
        silo.Machine.End(new("b", 1, 1));
        await silo.Catalog.ReachedAsync("then", AgentTaskPhase.Waiting);
        await silo.TaskGrain("then").WakeAsync();
        Assert.Equal((1, 2), ((await silo.TaskGrain("then").GetAsync())!.QueuePosition, (await silo.TaskGrain("youngest").GetAsync())!.QueuePosition));
        await Pool(silo).SetModeAsync(PoolMode.Open);
        await RunningAsync(silo, "then");
        silo.Machine.End(new("then", 1, 1));
        await SettledAsync(silo, "then");
        Assert.Equal(0, silo.Dependencies.Count);
    }

    [Theory]
    [InlineData(true, "was not completed: failed (AGENT_FAILED)")]
    [InlineData(false, "was not completed: cancelled")]
    public async Task A_dependent_fails_with_a_reason_when_one_does_not_complete(bool fails, string reason)
    {
        await using var silo = await TaskSilo.StartAsync();
        await silo.SubmitAsync("a");
        await RunningAsync(silo, "a");
        await SubmitAsync(silo, "then", dependsOn: ["a"]);
        await SubmitAsync(silo, "after-then", dependsOn: ["then"]);
        if (fails) silo.Machine.End(new("a", 1, 1), TaskScenario.Said(kind: Orchestrator.Interfaces.Machines.AgentErrorKind.Own));
        else Assert.Equal(CancelResult.Cancelled, await silo.TaskGrain("a").CancelAsync());
        await SettledAsync(silo, "then");
        var task = (await silo.TaskGrain("then").GetAsync())!;
        Assert.Equal((AgentTaskStatus.Failed, "DEPENDENCY_FAILED"), (task.Status, task.Error!.Code));
        Assert.Equal($"Task a, on which it depends, {reason}.", task.Error.Message);
        Assert.Single(silo.Tries, attempt => attempt.TaskId == "then");
        await SettledAsync(silo, "after-then");
        Assert.Equal("Task then, on which it depends, was not completed: failed (DEPENDENCY_FAILED).", (await silo.TaskGrain("after-then").GetAsync())!.Error!.Message);
        Assert.DoesNotContain(silo.Machine.Log, line => line.Contains("then", StringComparison.Ordinal));
        Assert.Equal(0, (await silo.CapacityAsync()).Aside);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_dependency_that_had_ended_before_decides_at_once(bool succeeds)
    {
        await using var silo = await TaskSilo.StartAsync();
        silo.Machine.End(new("a", 1, 1), succeeds ? null : TaskScenario.Said(kind: Orchestrator.Interfaces.Machines.AgentErrorKind.Own));
        await silo.SubmitAsync("a");
        await SettledAsync(silo, "a");
        Assert.Equal(SubmitOutcome.Accepted, await SubmitAsync(silo, "then", dependsOn: ["a"]));
        if (succeeds) await RunningAsync(silo, "then");
        else await SettledAsync(silo, "then");
        Assert.Equal(succeeds ? null : "DEPENDENCY_FAILED", (await silo.TaskGrain("then").GetAsync())!.Error?.Code);
    }

    [Fact]
    public async Task A_lost_notice_of_a_dependencys_end_costs_a_minute()
    {
        await using var silo = await TaskSilo.StartAsync(silo => silo.Loses = call => call.MethodName == nameof(IAgentTaskGrain.DependencyEnded));
        await silo.SubmitAsync("a");
        await SubmitAsync(silo, "then", dependsOn: ["a"]);
        silo.Machine.End(new("a", 1, 1));
        await SettledAsync(silo, "a");
        Assert.Equal(AgentTaskPhase.Blocked, (await silo.TaskGrain("then").GetAsync())!.Phase);
        await TickUntilAsync(silo, RunningAsync(silo, "then"));
    }

    [Fact]
    public async Task A_dependency_that_is_gone_fails_its_dependent_which_is_still_the_same_request()
    {
        await using var silo = await TaskSilo.StartAsync();
        await silo.SubmitAsync("a");
        await RunningAsync(silo, "a");
        await SubmitAsync(silo, "then", dependsOn: ["a"]);
        await silo.Catalog.RemoveAsync("a", default);
        Assert.Equal(SubmitOutcome.Accepted, await SubmitAsync(silo, "then", dependsOn: ["a"]));
        await silo.TaskGrain("then").DependencyEnded();
        await SettledAsync(silo, "then");
        Assert.Equal("Task a, on which it depends, is not known any more.", (await silo.TaskGrain("then").GetAsync())!.Error!.Message);
        await silo.TaskGrain("a").WakeAsync();
    }

    [Fact]
    public async Task A_dependent_that_waits_too_long_expires_and_one_that_is_cancelled_is_forgotten()
    {
        await using var silo = await TaskSilo.StartAsync(silo => silo.Options.QueueTtl = TimeSpan.FromMinutes(30));
        await silo.SubmitAsync("a");
        await RunningAsync(silo, "a");
        await SubmitAsync(silo, "expires", dependsOn: ["a"]);
        await SubmitAsync(silo, "cancelled", dependsOn: ["a"]);
        Assert.Equal(CancelResult.Cancelled, await silo.TaskGrain("cancelled").CancelAsync());
        silo.Clock.Advance(TimeSpan.FromMinutes(30));
        await SettledAsync(silo, "expires");
        await SettledAsync(silo, "cancelled");
        var expired = (await silo.TaskGrain("expires").GetAsync())!.Error!;
        Assert.Equal(("QUEUE_EXPIRED", "It waited longer than 0.5 h for dependency a."), (expired.Code, expired.Message));
        Assert.DoesNotContain("WORKER_CAPACITY", expired.Remediation.ManualSteps, StringComparison.Ordinal);
        Assert.Equal((0, 0), ((await silo.CapacityAsync()).Aside, silo.Dependencies.Count));
    }

    [Fact]
    public async Task Blocked_tasks_count_for_the_limit_of_the_line()
    {
        await using var silo = await TaskSilo.StartAsync(silo => silo.Capacity.QueueLimit = 2);
        await silo.SubmitAsync("a");
        await RunningAsync(silo, "a");
        await SubmitAsync(silo, "b", dependsOn: ["a"]);
        await SubmitAsync(silo, "c", dependsOn: ["a"]);
        var refused = await silo.SubmitAsync("d");
        Assert.Equal((SubmitOutcome.Refused, "2 tasks wait already; QUEUE_LIMIT is 2."), (refused.Outcome, refused.Refusal?.Detail));
        await silo.RestartAsync();
        Assert.Equal(SubmitOutcome.Refused, (await silo.SubmitAsync("d")).Outcome);
    }

    private static ICapacityGrain Pool(TaskSilo silo) => silo.Grains.GetGrain<ICapacityGrain>(Pools.Default);

    private static async Task<SubmitOutcome> SubmitAsync(TaskSilo silo, string taskId, IReadOnlyList<string>? dependsOn = null, string repository = "acme/web") =>
        (await silo.TaskGrain(taskId).SubmitAsync(TaskSilo.Submission(taskId, dependsOn: dependsOn, repository: repository), CancellationToken.None)).Outcome;
}
