using Orchestrator.Grains.AgentTasks;
using Orchestrator.Interfaces.AgentTasks;

namespace Orchestrator.Grains.Tests.AgentTasks;

/// <content>How kept worktrees of ended tasks go.</content>
public sealed partial class AgentTaskGrainTests
{
    [Fact]
    public async Task A_released_worktree_is_removed_once_and_the_task_says_so()
    {
        await using var silo = await EndedAsync();
        Assert.Equal(WorktreeRelease.Released, await silo.TaskGrain("t1").ReleaseWorktreeAsync(First, "it is old"));
        await TickUntilAsync(silo, silo.Machine.DidAsync("remove t1/1.1"));
        await RemovedAsync(silo);
        var task = (await silo.TaskGrain("t1").GetAsync())!;
        Assert.Equal(("worktree_removed", "it is old: /worktrees/t1"), (task.Timeline[^1].Event, task.Timeline[^1].Detail));
        Assert.Equal(AgentTaskStatus.Completed, task.Status);
        Assert.Equal(WorktreeRelease.Gone, await silo.TaskGrain("t1").ReleaseWorktreeAsync(First, "it is old"));
        Assert.Single(silo.Machine.Log, "remove t1/1.1");
    }

    [Fact]
    public async Task A_worktree_is_not_released_before_all_of_the_end_is_done()
    {
        await using var silo = await TaskSilo.StartAsync(silo => silo.ReceiverStatus = 500);
        Assert.Equal(WorktreeRelease.Unknown, await silo.TaskGrain("t1").ReleaseWorktreeAsync(null, "x"));
        await silo.SubmitAsync("t1");
        await RunningAsync(silo, "t1");
        Assert.Equal(WorktreeRelease.Active, await silo.TaskGrain("t1").ReleaseWorktreeAsync(First, "x"));
        silo.Machine.End(First);
        await silo.Catalog.ReachedAsync("t1", AgentTaskPhase.Ended);
        Assert.Equal(WorktreeRelease.Active, await silo.TaskGrain("t1").ReleaseWorktreeAsync(First, "x"));
        silo.ReceiverStatus = 200;
        await TickUntilAsync(silo, SettledAsync(silo, "t1"));
        Assert.Equal(WorktreeRelease.Active, await silo.TaskGrain("t1").ReleaseWorktreeAsync(new("t1", 2, 1), "x"));
        Assert.DoesNotContain("remove t1/1.1", silo.Machine.Log);
    }

    [Fact]
    public async Task A_release_survives_a_crash_and_a_lost_notice()
    {
        await using var silo = await EndedAsync();
        silo.Loses = call => call.MethodName == nameof(IAgentTaskGrain.WorktreeRemoved);
        Assert.Equal(WorktreeRelease.Released, await silo.TaskGrain("t1").ReleaseWorktreeAsync(null, "it is old"));
        await silo.Machine.DidAsync("remove t1/1.1");
        silo.Loses = null;
        await silo.RestartAsync();
        await RemovedAsync(silo);
        Assert.Equal(2, silo.Machine.Log.Count(line => line == "remove t1/1.1"));
    }

    [Fact]
    public async Task A_worktree_that_cannot_be_removed_is_kept_and_may_be_released_again()
    {
        await using var silo = await EndedAsync();
        silo.Machine.OnRemove = () => new("The disk is full.");
        for (var round = 0; round < 2; round++)
        {
            Assert.Equal(WorktreeRelease.Released, await silo.TaskGrain("t1").ReleaseWorktreeAsync(null, "it is old"));
            await TickUntilAsync(silo, UntilAsync(silo, task => task.WorktreeProblem == "The disk is full."));
        }

        Assert.Single((await silo.TaskGrain("t1").GetAsync())!.Timeline, entry => entry.Event == "worktree_left");
        silo.Machine.OnRemove = () => null;
        Assert.Equal(WorktreeRelease.Released, await silo.TaskGrain("t1").ReleaseWorktreeAsync(null, "it is old"));
        await RemovedAsync(silo);
        Assert.Null((await silo.TaskGrain("t1").GetAsync())!.WorktreeProblem);
    }

    [Fact]
    public async Task A_kept_worktree_lets_go_of_a_branch_that_another_task_wants()
    {
        await using var silo = await EndedAsync();
        silo.Machine.OnPrepare = request => request.Session.TaskId == "t2" && !silo.Machine.Log.Contains("keep t1/1.1")
            ? new(request.Session, null, null, BlockedBy: "t1")
            : new(request.Session, FakeMachine.TreeOf(request.Session.TaskId), null);
        await silo.SubmitAsync("t2");
        await silo.Machine.DidAsync("keep t1/1.1");
        await TickUntilAsync(silo, RunningAsync(silo, "t2"));
        Assert.Equal(WorktreeRelease.Released, await silo.TaskGrain("t1").ReleaseWorktreeAsync(null, "it is old"));
        await RemovedAsync(silo);
    }

    [Theory]
    [InlineData("fails")]
    [InlineData("throws")]
    [InlineData("restart")]
    public async Task A_branch_that_was_not_let_go_of_is_let_go_when_it_is_asked_for_again(string trouble)
    {
        await using var silo = await EndedAsync();
        await LastReminderAsync(silo, "t1");
        var kept = 0;
        if (trouble == "restart") silo.Loses = call => call.MethodName == nameof(IAgentTaskGrain.WorktreeSettled);
        else silo.Machine.OnKeep = () => Interlocked.Increment(ref kept) > 1 ? null : trouble == "fails" ? new("git is busy") : throw new IOException("git is gone");
        await silo.TaskGrain("t1").BranchWanted();
        await silo.Machine.DidAsync("keep t1/1.1");
        if (trouble == "restart") await silo.RestartAsync();
        silo.Loses = null;
        for (var i = 0; silo.Machine.Log.Count(line => line == "keep t1/1.1") < 2; i++)
        {
            Assert.True(i < 500, "The branch is not let go of within 10 s.");
            await silo.TaskGrain("t1").BranchWanted();
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System);
        }
    }

    [Fact]
    public async Task A_branch_that_could_not_be_let_go_is_let_go_when_it_is_wanted_again()
    {
        await using var silo = await EndedAsync();
        silo.Machine.OnKeep = () => silo.Machine.Log.Count(line => line == "keep t1/1.1") == 1 ? new("The disk is full.") : null;
        silo.Machine.OnPrepare = request => silo.Machine.Log.Count(line => line == "keep t1/1.1") >= 2
            ? new(request.Session, FakeMachine.TreeOf(request.Session.TaskId), null)
            : new(request.Session, null, null, BlockedBy: "t1");
        await TickUntilAsync(silo, Task.CompletedTask);
        await silo.SubmitAsync("t2");
        await silo.Machine.DidAsync("keep t1/1.1");
        await TickUntilAsync(silo, RunningAsync(silo, "t2"));
    }

    [Fact]
    public async Task A_task_at_work_keeps_a_branch_that_another_one_wants()
    {
        await using var silo = await TaskSilo.StartAsync();
        await silo.SubmitAsync("t1");
        await RunningAsync(silo, "t1");
        await silo.TaskGrain("t1").BranchWanted();
        Assert.Equal(AgentTaskPhase.Running, (await silo.TaskGrain("t1").GetAsync())!.Phase);
        silo.Machine.End(First);
        await SettledAsync(silo, "t1");
        Assert.DoesNotContain("keep t1/1.1", silo.Machine.Log);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_worktree_that_was_made_when_the_service_died_is_found_when_the_task_was_stopped_and_goes(bool dies)
    {
        await using var silo = await TaskSilo.StartAsync(silo => silo.Options.WorktreeKeep = WorktreeKeep.Never);
        silo.Machine.OnFind = session => new(session, FakeMachine.TreeOf(session.TaskId), null);
        await UnheardAsync(silo, nameof(IAgentTaskGrain.WorktreePrepared), nameof(IAgentTaskGrain.WorktreeFound));
        if (dies)
        {
            await silo.Machine.DidAsync("find t1/1.1");
            silo.Loses = null;
            await silo.RestartAsync();
        }

        silo.Loses = null;
        await RemovedAsync(silo);
        var task = (await silo.TaskGrain("t1").GetAsync())!;
        Assert.Equal(AgentTaskStatus.Cancelled, task.Status);
        Assert.Contains(task.Timeline, entry => entry is { Event: "worktree_found", Detail: "task/t1 at /worktrees/t1" });
        Assert.Contains("remove t1/1.1", silo.Machine.Log);
    }

    [Fact]
    public async Task One_that_was_not_made_is_looked_for_until_the_machine_has_answered_and_nothing_is_owed_then()
    {
        await using var silo = await TaskSilo.StartAsync();
        await UnheardAsync(silo, nameof(IAgentTaskGrain.WorktreePrepared));
        await silo.Machine.DidAsync("find t1/1.1");
        await SettledAsync(silo, "t1");
        await TickUntilAsync(silo, Task.CompletedTask);
        var looks = silo.Machine.Log.Count(line => line == "find t1/1.1");
        await TickUntilAsync(silo, Task.CompletedTask);
        Assert.Equal(looks, silo.Machine.Log.Count(line => line == "find t1/1.1"));
        Assert.Equal(WorktreeRelease.Gone, await silo.TaskGrain("t1").ReleaseWorktreeAsync(null, "x"));
    }

    [Fact]
    public async Task A_worktree_that_nobody_heard_of_lets_go_of_a_branch_that_another_task_wants()
    {
        await using var silo = await TaskSilo.StartAsync();
        await UnheardAsync(silo, nameof(IAgentTaskGrain.WorktreePrepared));
        await silo.Machine.DidAsync("find t1/1.1");
        await SettledAsync(silo, "t1");
        silo.Loses = null;
        silo.Machine.OnFind = session => new(session, FakeMachine.TreeOf(session.TaskId), null);
        silo.Machine.OnPrepare = request => silo.Machine.Log.Contains("keep t1/1.1") ? new(request.Session, FakeMachine.TreeOf(request.Session.TaskId), null) : new(request.Session, null, null, BlockedBy: "t1");
        await silo.SubmitAsync("t2");
        await silo.Machine.DidAsync("keep t1/1.1");
        await TickUntilAsync(silo, RunningAsync(silo, "t2"));
    }

    /// <summary>The machine made a worktree, its task never heard of it, and was cancelled.</summary>
    private static async Task UnheardAsync(TaskSilo silo, params string[] lost)
    {
        silo.Loses = call => lost.Contains(call.MethodName);
        await silo.SubmitAsync("t1");
        await silo.Machine.DidAsync("prepare t1/1.1");
        Assert.Equal(CancelResult.Cancelled, await silo.TaskGrain("t1").CancelAsync());
        await silo.Catalog.ReachedAsync("t1", AgentTaskPhase.Ended);
    }

    private static async Task<TaskSilo> EndedAsync()
    {
        var silo = await TaskSilo.StartAsync();
        await silo.SubmitAsync("t1");
        await RunningAsync(silo, "t1");
        silo.Machine.End(First);
        await SettledAsync(silo, "t1");
        return silo;
    }

    /// <summary>Lets a minute pass, so that an ended task has nothing that wakes it any more.</summary>
    private static async Task LastReminderAsync(TaskSilo silo, string taskId)
    {
        var reminded = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        silo.Loses = call =>
        {
            if (call.MethodName == nameof(Orleans.IRemindable.ReceiveReminder) && call.TargetId.Key.ToString() == taskId) reminded.TrySetResult();
            return false;
        };
        silo.Clock.Advance(TimeSpan.FromMinutes(1));
        await reminded.Task.WaitAsync(TimeSpan.FromSeconds(20));

        // Behind the reminder's turn.
        await silo.TaskGrain(taskId).GetAsync();
        silo.Loses = null;
    }

    private static Task RemovedAsync(TaskSilo silo) => TickUntilAsync(silo, UntilAsync(silo, task => task.WorktreeRemovedAt is not null));

    private static async Task UntilAsync(TaskSilo silo, Predicate<AgentTaskSnapshot> condition)
    {
        for (var i = 0; !condition((await silo.TaskGrain("t1").GetAsync())!); i++)
        {
            Assert.True(i < 1000, "The task does not get there within 20 s.");
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System);
        }
    }
}
