using Orchestrator.Grains.AgentTasks;
using Orchestrator.Interfaces.AgentTasks;
using Orchestrator.Interfaces.Machines;
using Orchestrator.Testing;
using static Orchestrator.Grains.Tests.AgentTasks.TaskScenario;

namespace Orchestrator.Grains.Tests.AgentTasks;

/// <summary>The wall clock is set, or the machine sleeps: what was to last so long lasts as long.</summary>
public sealed class ClockSetTests
{
    private static readonly TimeSpan Step = TimeSpan.FromHours(-2);
    private static readonly DateTimeOffset Then = Start.AddMinutes(5) + Step;

    [Fact]
    public void A_running_tasks_deadline_moves_along()
    {
        var state = AgentTaskTransitions.ClockSet(Running(), Step, Then);
        Assert.Equal(Running().DeadlineAt + Step, state.DeadlineAt);
        Assert.Equal(("clock_set", "by -7200 s: its times move along"), (state.Timeline[^1].Event, state.Timeline[^1].Detail));
        Assert.Same(state, AgentTaskTransitions.ClockSet(state, TimeSpan.Zero, Then));
    }

    [Fact]
    public void What_an_account_has_said_stays_and_the_pause_moves_along()
    {
        var held = Running().Ended(Limited(Start.AddHours(3)));
        var state = AgentTaskTransitions.ClockSet(held, Step, Then);
        Assert.Equal((held.HeldUntil, held.PausedSince + Step, held.DeadlineAt + Step), (state.HeldUntil, state.PausedSince, state.DeadlineAt));
    }

    [Fact]
    public void A_guess_moves_along_and_the_hold_lasts_as_long()
    {
        var held = Running().Ended(Limited(null));
        var state = AgentTaskTransitions.ClockSet(held, Step, Then);
        Assert.Equal((held.HeldUntil + Step, held.HeldSince + Step), (state.HeldUntil, state.HeldSince));
        Assert.Equal(AgentTaskPhase.Held, AgentTaskTransitions.TimePassed(state, Options, Then).Phase);
    }

    [Fact]
    public void The_line_is_waited_in_for_as_long_and_what_was_waited_is_counted_once()
    {
        var state = AgentTaskTransitions.ClockSet(Waiting(), Step, Then);
        var expiresAt = Start + Options.QueueTtl + Step;
        Assert.Equal(AgentTaskPhase.Waiting, AgentTaskTransitions.TimePassed(state, Options, expiresAt.AddTicks(-1)).Phase);
        Assert.Equal("QUEUE_EXPIRED", AgentTaskTransitions.TimePassed(state, Options, expiresAt).Error!.Code);
        var granted = AgentTaskTransitions.SlotGranted(state, new(TaskId, 1, 1, Then), "agent-1", Then);
        Assert.Equal(TimeSpan.FromMinutes(5), granted.WaitedBefore);
        Assert.Equal(granted.WaitedBefore, AgentTaskTransitions.ClockSet(granted, Step, Then + Step).WaitedBefore);
    }

    [Fact]
    public void A_task_that_has_ended_stays_as_it_is()
    {
        var (ended, _) = AgentTaskTransitions.Cancel(Waiting(), Start);
        Assert.Same(ended, AgentTaskTransitions.ClockSet(ended, Step, Then));
    }

    [Fact]
    public void Only_a_step_is_noticed_and_only_once()
    {
        var clock = new ManualClock();
        var steps = new ClockSteps(clock);
        clock.Advance(TimeSpan.FromDays(2));
        clock.SetWallClockForward(TimeSpan.FromSeconds(29));
        Assert.Equal(TimeSpan.Zero, steps.Take());
        clock.SetWallClockForward(TimeSpan.FromHours(-3));
        clock.Advance(TimeSpan.FromMinutes(7));
        Assert.Equal(TimeSpan.FromHours(-3) + TimeSpan.FromSeconds(29), steps.Take());
        Assert.Equal(TimeSpan.Zero, steps.Take());
    }

    private static SessionEndedReport Limited(DateTimeOffset? resetsAt) => Exit(1, Said(kind: AgentErrorKind.UsageLimit) with { HasSaidResult = true, LimitResetsAt = resetsAt });
}
