using Orchestrator.Grains.AgentTasks;
using Orchestrator.Interfaces.AgentTasks;
using Orchestrator.Interfaces.Capacity;
using Orchestrator.Interfaces.Machines;

namespace Orchestrator.Grains.Tests.AgentTasks;

/// <content>Silence, usage limits and budgets, with all grains at work.</content>
public sealed partial class AgentTaskGrainTests
{
    private static readonly SessionName Second = new("t1", 1, 2);

    [Theory]
    [InlineData("")]
    [InlineData("restart")]
    [InlineData("write")]
    public async Task A_silent_agent_is_stopped_and_resumed_in_the_same_slot_whatever_happens_in_between(string trouble)
    {
        await using var silo = await TaskSilo.StartAsync();
        await silo.SubmitAsync("t1");
        await RunningAsync(silo, "t1");
        var failures = 0;
        if (trouble == "write") silo.FailsAfterWriting = _ => Interlocked.Increment(ref failures) <= 2;
        silo.Machine.LingersWhenStopped = trouble == "restart";
        silo.Machine.ListenerOf(First).Stalled(silo.Clock.GetUtcNow().AddMinutes(-20));
        if (trouble == "restart")
        {
            await silo.Machine.DidAsync("stop t1/1.1");
            await silo.RestartAsync();
            silo.Machine.LingersWhenStopped = false;
        }

        await TickUntilAsync(silo, StartedAsync(silo, "t1", attempt: 2), TimeSpan.FromSeconds(10));
        Assert.Equal((true, FollowUps.Stalled), (silo.Machine.RequestOf(Second).IsResume, silo.Machine.RequestOf(Second).FollowUp));
        Assert.Equal(1, (await silo.CapacityAsync()).Leased);
        silo.Machine.End(Second);
        await TickUntilAsync(silo, SettledAsync(silo, "t1"));
        var task = (await silo.TaskGrain("t1").GetAsync())!;
        Assert.Equal((AgentTaskStatus.Completed, "stalled"), (task.Status, task.Attempts[0].Outcome));
        Assert.Single(silo.Machine.Log, line => line == "start t1/1.2");
    }

    [Fact]
    public async Task A_lost_notice_of_silence_is_said_again()
    {
        await using var silo = await TaskSilo.StartAsync();
        await silo.SubmitAsync("t1");
        await RunningAsync(silo, "t1");
        silo.Loses = call => call.MethodName == nameof(IAgentTaskGrain.SessionStalled);
        silo.Machine.ListenerOf(First).Stalled(silo.Clock.GetUtcNow());
        Assert.Equal(AgentTaskPhase.Running, (await silo.TaskGrain("t1").GetAsync())!.Phase);
        silo.Loses = null;
        silo.Machine.ListenerOf(First).Stalled(silo.Clock.GetUtcNow());
        await TickUntilAsync(silo, StartedAsync(silo, "t1", attempt: 2));
    }

    [Fact]
    public async Task A_lost_notice_of_the_start_is_said_again_while_the_session_runs()
    {
        await using var silo = await TaskSilo.StartAsync();
        silo.Loses = call => call.MethodName == nameof(IAgentTaskGrain.SessionStarted);
        await silo.SubmitAsync("t1");
        await silo.Machine.DidAsync("watch t1/1.1");
        Assert.Null((await silo.TaskGrain("t1").GetAsync())!.StartedAt);
        silo.Loses = null;
        await TickUntilAsync(silo, RunningAsync(silo, "t1"));
        Assert.Single(silo.Machine.Log, line => line == "start t1/1.1");
        silo.Machine.ListenerOf(First).Stalled(silo.Clock.GetUtcNow().AddMinutes(-20));
        await TickUntilAsync(silo, StartedAsync(silo, "t1", attempt: 2), TimeSpan.FromSeconds(10));
    }

    [Fact]
    public async Task A_usage_limit_frees_the_slot_and_holds_the_account_for_all_tasks()
    {
        await using var silo = await TaskSilo.StartAsync();
        await silo.SubmitAsync("t1");
        await RunningAsync(silo, "t1");
        await silo.SubmitAsync("t2");
        var deadline = (await silo.TaskGrain("t1").GetAsync())!.DeadlineAt!.Value;
        var resetsAt = silo.Clock.GetUtcNow().AddHours(2);
        silo.Machine.End(First, Limited(resetsAt), exitCode: 1);
        await silo.Catalog.ReachedAsync("t1", AgentTaskPhase.Held);
        await silo.RestartAsync();
        var held = (await silo.TaskGrain("t1").GetAsync())!;
        Assert.Equal((AgentTaskStatus.Queued, resetsAt.AddSeconds(60), null), (held.Status, held.HeldUntil, held.QueuePosition));
        Assert.Equal((0, 1, 0), await CountsAsync(silo));
        Assert.Equal([new HeldAccount("claude", resetsAt.AddSeconds(60))], (await silo.CapacityAsync()).HeldAccounts);
        var heldFor = resetsAt.AddSeconds(60) - silo.Clock.GetUtcNow();
        silo.Clock.Advance(heldFor - AgentTaskTransitions.LineMargin);
        await silo.Catalog.ReachedAsync("t1", AgentTaskPhase.Waiting);
        Assert.Equal((0, 2, 0), await CountsAsync(silo));
        silo.Clock.Advance(AgentTaskTransitions.LineMargin);

        // It is older than the other one, so it goes first.
        await TickUntilAsync(silo, StartedAsync(silo, "t1", attempt: 2), TimeSpan.FromSeconds(1));
        var resumed = (await silo.TaskGrain("t1").GetAsync())!;
        Assert.True(resumed.DeadlineAt >= deadline + heldFor, $"The deadline is {resumed.DeadlineAt}; it was {deadline}, and it was held for {heldFor}.");
        Assert.Equal((true, FollowUps.LimitIsOver), (silo.Machine.RequestOf(Second).IsResume, silo.Machine.RequestOf(Second).FollowUp));
        Assert.Equal((1, 1, 0), await CountsAsync(silo));
        silo.Machine.End(Second);
        await SettledAsync(silo, "t1");
        await TickUntilAsync(silo, RunningAsync(silo, "t2"));
        Assert.Equal(AgentTaskStatus.Completed, (await silo.TaskGrain("t1").GetAsync())!.Status);
    }

    [Fact]
    public async Task A_held_task_is_cancelled_at_once()
    {
        await using var silo = await TaskSilo.StartAsync();
        await silo.SubmitAsync("t1");
        await RunningAsync(silo, "t1");
        silo.Machine.End(First, Limited(null), exitCode: 1);
        await silo.Catalog.ReachedAsync("t1", AgentTaskPhase.Held);
        Assert.Equal(CancelResult.Cancelled, await silo.TaskGrain("t1").CancelAsync());
        await SettledAsync(silo, "t1");
        Assert.Equal((0, 0, 0), await CountsAsync(silo));
        Assert.DoesNotContain("stop t1/1.1", silo.Machine.Log);
    }

    [Fact]
    public async Task A_hold_is_ended_by_hand_for_the_task_and_its_account()
    {
        await using var silo = await TaskSilo.StartAsync();
        await silo.SubmitAsync("t1");
        await RunningAsync(silo, "t1");
        Assert.False(await silo.TaskGrain("t1").EndHoldAsync());
        silo.Machine.End(First, Limited(silo.Clock.GetUtcNow().AddDays(7)), exitCode: 1);
        await silo.Catalog.ReachedAsync("t1", AgentTaskPhase.Held);
        await silo.RestartAsync();
        Assert.True(await silo.TaskGrain("t1").EndHoldAsync());
        Assert.False(await silo.TaskGrain("t1").EndHoldAsync());
        Assert.StartsWith("account claude until ", (await silo.TaskGrain("t1").GetAsync())!.WaitingFor, StringComparison.Ordinal);
        Assert.NotNull(await Pool(silo).EndHoldAsync("claude"));
        Assert.Null(await Pool(silo).EndHoldAsync("claude"));
        await StartedAsync(silo, "t1", attempt: 2);
        await silo.RestartAsync();
        Assert.Empty((await silo.CapacityAsync()).HeldAccounts);
    }

    [Fact]
    public async Task A_slot_that_could_not_be_given_back_is_used_for_the_attempt_after_the_hold()
    {
        await using var silo = await TaskSilo.StartAsync();
        await silo.SubmitAsync("t1");
        await RunningAsync(silo, "t1");

        // The pool cannot write from before the hold until after it: the lease stays.
        silo.FailsInsteadOfWriting = state => state == "capacity";
        silo.Machine.End(First, Limited(silo.Clock.GetUtcNow().AddMinutes(5)), exitCode: 1);
        await silo.Catalog.ReachedAsync("t1", AgentTaskPhase.Held);
        silo.Clock.Advance(TimeSpan.FromMinutes(6));
        await silo.Catalog.ReachedAsync("t1", row => row.Phase != AgentTaskPhase.Held, "is held no more");
        silo.FailsInsteadOfWriting = null;
        await TickUntilAsync(silo, StartedAsync(silo, "t1", attempt: 2), TimeSpan.FromSeconds(10));
        Assert.Equal((1, 0, 0), await CountsAsync(silo));
        Assert.Equal([1, 2], (await silo.TaskGrain("t1").GetAsync())!.Attempts.Select(attempt => attempt.Number));
    }

    [Fact]
    public async Task An_agent_that_says_it_is_beyond_its_budget_is_stopped()
    {
        await using var silo = await TaskSilo.StartAsync(silo => silo.Options.CostUsdMax = 1);
        await silo.SubmitAsync("t1");
        await RunningAsync(silo, "t1");
        Assert.Equal(1, silo.Machine.RequestOf(First).CostUsdLeft);
        silo.Machine.ListenerOf(First).Used(AgentUsage.None with { CostUsd = 0.9 });
        silo.Machine.ListenerOf(First).Used(AgentUsage.None with { CostUsd = 1.1 });
        await SettledAsync(silo, "t1");
        var task = (await silo.TaskGrain("t1").GetAsync())!;
        Assert.Equal(("BUDGET_EXHAUSTED", true, true), (task.Error!.Code, task.Result is not null, task.Usage.CostUnknown));
        Assert.Contains("stop t1/1.1", silo.Machine.Log);
    }

    private static AgentReport Limited(DateTimeOffset? resetsAt) => TaskScenario.Said(kind: AgentErrorKind.UsageLimit) with { HasSaidResult = true, LimitResetsAt = resetsAt };
}
