using Orchestrator.Grains.AgentTasks;
using Orchestrator.Interfaces.AgentTasks;
using Orchestrator.Interfaces.Callbacks;
using Orchestrator.Interfaces.Machines;

namespace Orchestrator.Grains.Tests.AgentTasks;

public sealed partial class AgentTaskGrainTests
{
    private static readonly SessionName First = new("t1", 1, 1);

    [Fact]
    public async Task A_task_goes_its_whole_way()
    {
        await using var silo = await TaskSilo.StartAsync();
        Assert.Equal(SubmitOutcome.Accepted, (await silo.SubmitAsync("t1")).Outcome);
        await RunningAsync(silo, "t1");
        silo.Machine.End(First);
        await SettledAsync(silo, "t1");
        var task = (await silo.TaskGrain("t1").GetAsync())!;
        Assert.Equal((AgentTaskStatus.Completed, 1), (task.Status, task.Result!.Commits));
        Assert.Equal(["completed"], task.Callbacks.Select(callback => callback.Kind));
        Assert.Equal((CallbackState.Delivered, 200), (task.Callbacks[0].State, task.Callbacks[0].Tries[0].Status));
        Assert.Equal("secret", Assert.Single(silo.Tries).Callback.Secret);
        Assert.Equal(0, (await silo.CapacityAsync()).Leased);
    }

    [Fact]
    public async Task The_slot_is_free_before_the_callback_is_tried()
    {
        await using var silo = await TaskSilo.StartAsync();
        await silo.SubmitAsync("t1");
        await silo.SubmitAsync("t2");
        await RunningAsync(silo, "t1");

        // The receiver never answers: the next task must not wait for it.
        silo.Loses = call => call.MethodName == nameof(ICallbackGrain.TryEnded);
        silo.Machine.End(First);
        await RunningAsync(silo, "t2");
        await silo.Catalog.ReachedAsync(_ => silo.Tries.Count == 1, "the callback to be tried");
    }

    [Fact]
    public async Task A_cancellation_that_races_the_end_gives_one_end_one_callback_and_one_release()
    {
        await using var silo = await TaskSilo.StartAsync(silo => silo.Capacity.SlotsMax = 4);
        for (var round = 0; round < 40; round++)
        {
            var id = $"t{round}";
            await silo.SubmitAsync(id);
            if (round % 2 == 0) await RunningAsync(silo, id);
            var answer = silo.TaskGrain(id).CancelAsync();
            silo.Machine.End(new(id, 1, 1));
            var cancelled = await answer;
            await SettledAsync(silo, id);
            var task = (await silo.TaskGrain(id).GetAsync())!;
            Assert.Equal(cancelled == CancelResult.Cancelled ? AgentTaskStatus.Cancelled : AgentTaskStatus.Completed, task.Status);
            Assert.Single(task.Callbacks);
            Assert.Single(silo.Tries, attempt => attempt.TaskId == id);
            Assert.Equal(CancelResult.AlreadyCompleted, await silo.TaskGrain(id).CancelAsync());
        }

        Assert.Equal((0, 0, 0), await CountsAsync(silo));
        Assert.Equal(0, silo.Machine.LiveCount);
    }

    [Fact]
    public async Task A_cancellation_while_the_worktree_is_made_gives_the_making_up()
    {
        await using var silo = await TaskSilo.StartAsync(silo => silo.Machine.PrepareGate = new TaskCompletionSource().Task);
        await silo.SubmitAsync("t1");
        await silo.Catalog.ReachedAsync("t1", AgentTaskPhase.Preparing);
        Assert.Equal(CancelResult.Cancelled, await silo.TaskGrain("t1").CancelAsync());
        await SettledAsync(silo, "t1");
        Assert.DoesNotContain(silo.Machine.Log, line => line.StartsWith("start", StringComparison.Ordinal));
        Assert.Equal(AgentTaskStatus.Cancelled, (await silo.TaskGrain("t1").GetAsync())!.Status);
    }

    [Fact]
    public async Task A_restart_adopts_what_runs_and_keeps_the_line_and_the_deadline()
    {
        await using var silo = await TaskSilo.StartAsync();
        await silo.SubmitAsync("t1");
        await RunningAsync(silo, "t1");
        await silo.SubmitAsync("low", priority: -1);
        await silo.SubmitAsync("high", priority: 1);
        var deadline = (await silo.TaskGrain("t1").GetAsync())!.DeadlineAt;
        silo.Clock.Advance(TimeSpan.FromMinutes(10));
        await silo.RestartAsync();
        Assert.Equal((1, 2, 0), await CountsAsync(silo));
        Assert.Equal(deadline, (await silo.TaskGrain("t1").GetAsync())!.DeadlineAt);
        Assert.Equal(1, (await silo.TaskGrain("high").GetAsync())!.QueuePosition);
        silo.Machine.End(First);
        await SettledAsync(silo, "t1");
        await RunningAsync(silo, "high");
        Assert.Single(silo.Machine.Log, line => line == "start t1/1.1");
    }

    [Fact]
    public async Task What_ended_while_the_service_was_away_is_collected()
    {
        await using var silo = await TaskSilo.StartAsync();
        await silo.SubmitAsync("t1");
        await RunningAsync(silo, "t1");
        silo.Loses = call => call.MethodName == nameof(IAgentTaskGrain.SessionEnded);
        silo.Machine.End(First);
        silo.Loses = null;
        await silo.RestartAsync();
        await SettledAsync(silo, "t1");
        Assert.Equal(AgentTaskStatus.Completed, (await silo.TaskGrain("t1").GetAsync())!.Status);
    }

    public static TheoryData<string> Notices => new(
        nameof(IAgentTaskGrain.SlotGranted), nameof(IAgentTaskGrain.WorktreePrepared), nameof(IAgentTaskGrain.SessionStarted), nameof(IAgentTaskGrain.SessionEnded),
        nameof(IAgentTaskGrain.WorkCollected), nameof(IAgentTaskGrain.CallbackSettled), nameof(IAgentTaskGrain.WorktreeSettled));

    [Theory]
    [MemberData(nameof(Notices))]
    public async Task A_lost_notice_costs_a_minute_and_no_task(string notice)
    {
        await using var silo = await TaskSilo.StartAsync(silo => silo.Options.WorktreeKeep = WorktreeKeep.Never);
        var lost = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        silo.Loses = call =>
        {
            if (call.MethodName != notice) return false;
            lost.TrySetResult();
            return true;
        };
        silo.Machine.End(First);
        await silo.SubmitAsync("t1");
        await lost.Task.WaitAsync(TimeSpan.FromSeconds(20));
        silo.Loses = null;
        await TickUntilAsync(silo, SettledAsync(silo, "t1"));
        Assert.Equal(AgentTaskStatus.Completed, (await silo.TaskGrain("t1").GetAsync())!.Status);
        Assert.Single(silo.Machine.Log, line => line == "start t1/1.1");
        Assert.Equal((0, 0, 0), await CountsAsync(silo));
    }

    [Fact]
    public async Task A_write_that_was_done_and_reported_failed_changes_no_end_and_doubles_no_callback()
    {
        await using var silo = await TaskSilo.StartAsync();
        var random = new Random(7);
        var writes = 0;
        silo.FailsAfterWriting = _ =>
        {
            lock (random) return writes++ > 0 && random.Next(4) == 0;
        };
        for (var round = 0; round < 10; round++)
        {
            var id = $"t{round}";
            silo.Machine.End(new(id, 1, 1));
            Assert.Equal(SubmitOutcome.Accepted, (await silo.SubmitAsync(id)).Outcome);
            await TickUntilAsync(silo, SettledAsync(silo, id));
            Assert.Single((await silo.TaskGrain(id).GetAsync())!.Callbacks);
            Assert.Single(silo.Machine.Log, line => line == $"start {id}/1.1");
        }

        silo.FailsAfterWriting = null;
        await TickUntilAsync(silo, Task.CompletedTask);
        Assert.Equal((0, 0, 0), await CountsAsync(silo));
    }

    [Fact]
    public async Task A_service_that_shuts_down_starts_no_task_that_waits()
    {
        await using var silo = await TaskSilo.StartAsync();
        await silo.SubmitAsync("t1");
        await RunningAsync(silo, "t1");
        await silo.SubmitAsync("t2");
        silo.Refusal = new("Service is shutting down", "", 5);
        silo.Machine.End(First);
        await SettledAsync(silo, "t1");
        Assert.Equal((0, 1, 0), await CountsAsync(silo));
        silo.Refusal = null;
        await TickUntilAsync(silo, RunningAsync(silo, "t2"));
    }

    [Fact]
    public async Task A_worktree_that_was_made_while_it_was_given_up_is_looked_after()
    {
        await using var silo = await TaskSilo.StartAsync(silo => silo.Options.WorktreeKeep = WorktreeKeep.Never);
        var made = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        silo.Loses = call =>
        {
            if (call.MethodName == nameof(IAgentTaskGrain.WorktreePrepared)) made.TrySetResult();
            return call.MethodName == nameof(IAgentTaskGrain.WorktreePrepared);
        };
        await silo.SubmitAsync("t1");
        await made.Task.WaitAsync(TimeSpan.FromSeconds(20));
        silo.Loses = null;
        var cancelled = silo.TaskGrain("t1").CancelAsync();
        await silo.TaskGrain("t1").WorktreePrepared(new(First, FakeMachine.TreeOf("t1"), null));
        await cancelled;
        await SettledAsync(silo, "t1");
        await silo.Machine.DidAsync("remove t1/1.1");
    }

    [Fact]
    public async Task The_time_limit_stops_the_agent_and_keeps_the_partial_work()
    {
        await using var silo = await TaskSilo.StartAsync();
        await silo.SubmitAsync("t1");
        await RunningAsync(silo, "t1");
        silo.Clock.Advance(TimeSpan.FromHours(1));
        await SettledAsync(silo, "t1");
        var task = (await silo.TaskGrain("t1").GetAsync())!;
        Assert.Equal((AgentTaskStatus.Interrupted, true), (task.Status, task.Result!.PartialWork));
        Assert.Contains("stop t1/1.1", silo.Machine.Log);
    }

    [Fact]
    public async Task A_task_that_waits_too_long_expires_and_leaves_the_line()
    {
        await using var silo = await TaskSilo.StartAsync(silo => silo.Options.QueueTtl = TimeSpan.FromMinutes(30));
        await silo.SubmitAsync("t1");
        await RunningAsync(silo, "t1");
        await silo.SubmitAsync("t2");
        silo.Clock.Advance(TimeSpan.FromMinutes(30));
        await SettledAsync(silo, "t2");
        Assert.Equal("QUEUE_EXPIRED", (await silo.TaskGrain("t2").GetAsync())!.Error!.Code);
        Assert.Equal((1, 0, 0), await CountsAsync(silo));
    }

    [Fact]
    public async Task A_killed_agent_is_resumed_after_its_delay_in_the_same_slot()
    {
        await using var silo = await TaskSilo.StartAsync();
        await silo.SubmitAsync("t1");
        await RunningAsync(silo, "t1");
        var conversation = silo.Machine.RequestOf(First).AgentSessionId;
        silo.Machine.End(First, TaskScenario.Said(hasResult: false), signal: 9);
        await silo.Catalog.ReachedAsync("t1", row => row.Attempt == 2, "is in its second attempt");
        Assert.Equal(1, (await silo.CapacityAsync()).Leased);
        Assert.DoesNotContain("start t1/1.2", silo.Machine.Log);
        await TickUntilAsync(silo, StartedAsync(silo, "t1", attempt: 2), TimeSpan.FromSeconds(10));
        var resumed = silo.Machine.RequestOf(new("t1", 1, 2));
        Assert.Equal((true, "agent-1"), (resumed.IsResume, resumed.AgentSessionId));
        Assert.NotEqual("", conversation);
        silo.Machine.End(new("t1", 1, 2));
        await SettledAsync(silo, "t1");
        Assert.Equal(AgentTaskStatus.Completed, (await silo.TaskGrain("t1").GetAsync())!.Status);
    }

    [Fact]
    public async Task A_receiver_that_is_down_gets_the_callback_when_it_is_back()
    {
        await using var silo = await TaskSilo.StartAsync(silo => silo.ReceiverStatus = 503);
        silo.Machine.End(First);
        await silo.SubmitAsync("t1");
        await silo.Catalog.ReachedAsync("t1", AgentTaskPhase.Ended);
        await silo.RestartAsync();
        silo.ReceiverStatus = 200;
        await TickUntilAsync(silo, SettledAsync(silo, "t1"));
        Assert.Equal(CallbackState.Delivered, (await silo.TaskGrain("t1").GetAsync())!.Callbacks[0].State);
        Assert.Single(silo.Tries.Select(attempt => attempt.Callback.Body).Distinct());
    }

    [Theory]
    [InlineData(WorktreeKeep.Always, true, false)]
    [InlineData(WorktreeKeep.Failed, true, true)]
    [InlineData(WorktreeKeep.Failed, false, false)]
    [InlineData(WorktreeKeep.Never, false, true)]
    public async Task A_worktree_is_kept_or_removed_by_policy(WorktreeKeep keep, bool succeeds, bool isRemoved)
    {
        await using var silo = await TaskSilo.StartAsync(silo => silo.Options.WorktreeKeep = keep);
        silo.Machine.End(First, succeeds ? null : TaskScenario.Said(kind: AgentErrorKind.Own));
        await silo.SubmitAsync("t1");
        await SettledAsync(silo, "t1");
        if (isRemoved) await silo.Machine.DidAsync("remove t1/1.1");
        else Assert.DoesNotContain("remove t1/1.1", silo.Machine.Log);
    }

    [Fact]
    public async Task A_task_whose_branch_another_one_has_waits_without_a_slot_and_asks_again()
    {
        await using var silo = await TaskSilo.StartAsync();
        var isTaken = true;
        silo.Machine.OnPrepare = request => isTaken && request.Session.TaskId == "t1"
            ? new(request.Session, null, null, BlockedBy: "other")
            : new(request.Session, FakeMachine.TreeOf(request.Session.TaskId), null);
        await silo.SubmitAsync("t1");
        await silo.Catalog.ReachedAsync("t1", AgentTaskPhase.Blocked);
        await silo.SubmitAsync("t2");
        await RunningAsync(silo, "t2");
        var blocked = (await silo.TaskGrain("t1").GetAsync())!;
        Assert.Equal((AgentTaskStatus.Queued, null), (blocked.Status, blocked.DeadlineAt));
        Assert.Empty(blocked.Attempts);
        Assert.Contains("close t1/1.1", silo.Machine.Log);
        isTaken = false;
        silo.Machine.End(new("t2", 1, 1));
        await TickUntilAsync(silo, RunningAsync(silo, "t1"), TimeSpan.FromSeconds(30));
        Assert.Equal(1, Assert.Single((await silo.TaskGrain("t1").GetAsync())!.Attempts).Number);
    }

    private static Task RunningAsync(TaskSilo silo, string taskId) => StartedAsync(silo, taskId, attempt: 1);

    private static Task StartedAsync(TaskSilo silo, string taskId, int attempt) => silo.Catalog.ReachedAsync(
        taskId, row => row.Phase == AgentTaskPhase.Running && row.Attempt == attempt && row.StartedAt is not null && silo.Machine.Log.Contains($"start {taskId}/1.{attempt}"), $"runs attempt {attempt}");

    private static Task SettledAsync(TaskSilo silo, string taskId) =>
        silo.Catalog.ReachedAsync(taskId, row => row.Phase == AgentTaskPhase.Ended && !row.OwesCallback, "has ended and owes nothing");

    private static async Task<(int Leased, int Waiting, int Pending)> CountsAsync(TaskSilo silo)
    {
        var snapshot = await silo.CapacityAsync();
        return (snapshot.Leased, snapshot.Waiting, snapshot.PendingAdmissions);
    }

    /// <summary>Lets minutes pass, so that reminders and timers come due, until something is reached.</summary>
    private static async Task TickUntilAsync(TaskSilo silo, Task reached, TimeSpan? step = null)
    {
        for (var i = 0; i < 3 || !reached.IsCompleted; i++)
        {
            silo.Clock.Advance(step ?? TimeSpan.FromMinutes(1));
            await Task.WhenAny(reached, Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System));
        }

        await reached;
    }
}
