using Orchestrator.Interfaces.AgentTasks;

namespace Orchestrator.Grains.Tests.AgentTasks;

/// <content>How tasks are taken on, and refused without a trace.</content>
public sealed partial class AgentTaskGrainTests
{
    [Fact]
    public async Task The_same_request_again_is_accepted_and_starts_nothing()
    {
        await using var silo = await TaskSilo.StartAsync();
        await silo.SubmitAsync("t1");
        await RunningAsync(silo, "t1");
        Assert.Equal(SubmitOutcome.Accepted, (await silo.SubmitAsync("t1")).Outcome);
        Assert.Equal(SubmitOutcome.Conflict, (await silo.SubmitAsync("t1", sha256: "2")).Outcome);
        Assert.Equal(SubmitOutcome.Conflict, (await silo.SubmitAsync("T1")).Outcome);
        silo.Machine.End(First);
        await SettledAsync(silo, "t1");
        Assert.Equal(SubmitOutcome.Accepted, (await silo.SubmitAsync("t1")).Outcome);
        Assert.Single(silo.Machine.Log, line => line.StartsWith("start", StringComparison.Ordinal));
        Assert.Equal((0, 0, 0), await CountsAsync(silo));
    }

    [Fact]
    public async Task Of_two_tasks_at_once_exactly_one_gets_the_only_slot_in_reservation_mode()
    {
        await using var silo = await TaskSilo.StartAsync(silo => silo.Capacity.QueueLimit = 0);
        for (var round = 0; round < 20; round++)
        {
            var (a, b) = ($"a{round}", $"b{round}");
            var answers = await Task.WhenAll(Task.Run(() => silo.SubmitAsync(a)), Task.Run(() => silo.SubmitAsync(b)));
            Assert.Single(answers, answer => answer.Outcome == SubmitOutcome.Accepted);
            Assert.Equal("Service at capacity", Assert.Single(answers, answer => answer.Outcome == SubmitOutcome.Refused).Refusal!.Error);
            var taken = answers[0].Outcome == SubmitOutcome.Accepted ? a : b;
            Assert.Null(await silo.TaskGrain(taken == a ? b : a).GetAsync());
            await RunningAsync(silo, taken);
            silo.Machine.End(new(taken, 1, 1));
            await SettledAsync(silo, taken);
        }
    }

    [Fact]
    public async Task A_notice_of_a_slot_that_the_task_does_not_have_starts_nothing()
    {
        await using var silo = await TaskSilo.StartAsync();
        await silo.SubmitAsync("t1");
        await RunningAsync(silo, "t1");
        await silo.SubmitAsync("t2");

        // Sent to a row of this id that was dropped, with its slot, before the task was stored.
        await silo.TaskGrain("t2").SlotGranted(new("t2", 1, 1, silo.Clock.GetUtcNow()));
        Assert.Equal(AgentTaskPhase.Waiting, (await silo.TaskGrain("t2").GetAsync())!.Phase);
        silo.Machine.End(First);
        await RunningAsync(silo, "t2");
    }

    [Fact]
    public async Task A_closed_gate_refuses_and_stores_nothing()
    {
        await using var silo = await TaskSilo.StartAsync();
        silo.Refusal = new("Service is shutting down", "It waits for 1 task.", 5);
        Assert.Equal("Service is shutting down", (await silo.SubmitAsync("t1")).Refusal!.Error);
        Assert.Empty(silo.Catalog.ReadOpen());
        silo.Refusal = null;
        Assert.Equal(SubmitOutcome.Accepted, (await silo.SubmitAsync("t1")).Outcome);
    }

    [Fact]
    public async Task An_unknown_task_is_nowhere()
    {
        await using var silo = await TaskSilo.StartAsync();
        Assert.Null(await silo.TaskGrain("t1").GetAsync());
        Assert.Equal(CancelResult.NotFound, await silo.TaskGrain("t1").CancelAsync());
        Assert.False(await silo.TaskGrain("t1").WakeAsync());
    }

    [Theory]
    [InlineData("agent-task-request")]
    [InlineData("agent-task")]
    public async Task A_task_that_cannot_be_stored_is_refused_and_leaves_no_trace(string stateName)
    {
        await using var silo = await TaskSilo.StartAsync(silo => silo.Capacity.QueueLimit = 0);
        silo.FailsInsteadOfWriting = name => name == stateName;
        var answer = await silo.SubmitAsync("t1");
        Assert.Equal((SubmitOutcome.Refused, "Database not writable"), (answer.Outcome, answer.Refusal!.Error));
        silo.FailsInsteadOfWriting = null;
        Assert.Null(await silo.TaskGrain("t1").GetAsync());
        Assert.Empty(silo.Catalog.ReadOpen());
        await TickUntilAsync(silo, Task.CompletedTask);
        Assert.Equal((0, 0, 0), await CountsAsync(silo));
        Assert.Equal(SubmitOutcome.Accepted, (await silo.SubmitAsync("t1")).Outcome);
        await RunningAsync(silo, "t1");
    }

    [Fact]
    public async Task A_row_without_a_task_takes_no_slot_for_long()
    {
        await using var silo = await TaskSilo.StartAsync();
        await silo.SubmitAsync("t1");
        await RunningAsync(silo, "t1");
        await silo.Catalog.AddAsync(silo.Catalog.ReadOpen()[0] with { TaskId = "ghost", Phase = AgentTaskPhase.Waiting }, CancellationToken.None);
        await silo.SubmitAsync("t2", priority: -1);
        await TickUntilAsync(silo, Task.CompletedTask);
        silo.Machine.End(First);
        await TickUntilAsync(silo, RunningAsync(silo, "t2"));
        Assert.DoesNotContain(silo.Catalog.ReadOpen(), row => row.TaskId == "ghost");
    }
}
