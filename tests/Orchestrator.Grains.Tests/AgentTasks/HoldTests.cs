using Orchestrator.Grains.AgentTasks;
using Orchestrator.Interfaces.AgentTasks;
using Orchestrator.Interfaces.Machines;
using static Orchestrator.Grains.Tests.AgentTasks.TaskScenario;

namespace Orchestrator.Grains.Tests.AgentTasks;

/// <summary>Tasks whose account's usage limit is reached.</summary>
public sealed class HoldTests
{
    private static readonly DateTimeOffset EndedAt = Start.AddMinutes(4);
    private static readonly DateTimeOffset ResetsAt = Start.AddHours(3);

    [Fact]
    public void A_usage_limit_holds_the_task_until_a_minute_after_the_reset()
    {
        var state = Running().Ended(Limited(ResetsAt));
        Assert.Equal((AgentTaskPhase.Held, AgentTaskStatus.Queued, ResetsAt.AddSeconds(60)), (state.Phase, state.Status, state.HeldUntil));
        var backAt = state.HeldUntil!.Value - AgentTaskTransitions.LineMargin;
        Assert.Equal((AgentTaskEffect.Hold, (DateTimeOffset?)backAt), (AgentTaskEffects.Of(state, Options, EndedAt), AgentTaskEffects.NextTimeOf(state, Options, EndedAt)));
        Assert.Equal(("usage_limit", 2, true, FollowUps.LimitIsOver), (state.Attempts[0].Outcome, state.Attempt.Number, state.Attempt.IsResume, state.Attempt.FollowUp));
        Assert.Equal(("held", "until 2026-01-01T03:01:00Z: the account's usage limit is reached"), (state.Timeline[^1].Event, state.Timeline[^1].Detail));
        Assert.Same(state, AgentTaskTransitions.TimePassed(state, Options, backAt.AddTicks(-1)));
        Assert.Empty(state.Callbacks);
    }

    [Fact]
    public void The_time_held_and_the_wait_after_it_move_the_deadline_and_the_conversation_goes_on()
    {
        var held = Running().Ended(Limited(ResetsAt));
        var back = AgentTaskTransitions.TimePassed(held, Options, held.HeldUntil!.Value);
        Assert.Equal((AgentTaskPhase.Waiting, null, AgentTaskEffect.WaitForSlot), (back.Phase, back.HeldUntil, AgentTaskEffects.Of(back, Options, held.HeldUntil.Value)));
        Assert.Equal(2, back.NextAttemptNumber);
        var grantedAt = held.HeldUntil.Value.AddMinutes(10);
        var state = AgentTaskTransitions.SlotGranted(back, new(TaskId, 1, 1, grantedAt), "unused", grantedAt);
        Assert.Equal((AgentTaskPhase.Running, AgentTaskStatus.Running, AgentTaskEffect.Start), (state.Phase, state.Status, AgentTaskEffects.Of(state, Options, grantedAt)));
        Assert.Equal((2, 2, "agent-1"), (state.Attempts.Length, state.Attempt.Number, state.Attempt.AgentSessionId));
        Assert.Equal(held.DeadlineAt + (grantedAt - EndedAt), state.DeadlineAt);
        Assert.Null(state.PausedSince);
        Assert.Equal(AgentTaskStatus.Completed, state.Started().Ended(Exit(0, Said(), attempt: 2)).Collected().Status);
    }

    [Fact]
    public void The_queue_does_not_expire_while_it_is_held_and_counts_what_it_waited_before()
    {
        var waited = TimeSpan.FromHours(20);
        var state = AgentTaskTransitions.SlotGranted(Waiting(), new(TaskId, 1, 1, Start), "agent-1", Start + waited);
        state = AgentTaskTransitions.WorktreePrepared(state, new(Session(), Tree, null), Start + waited).Started();
        state = AgentTaskTransitions.SessionEnded(state, Limited(Start.AddHours(60)), Options, "agent-2", Start + waited);
        Assert.Equal(AgentTaskPhase.Held, AgentTaskTransitions.TimePassed(state, Options, Start.AddHours(59)).Phase);
        var backAt = state.HeldUntil!.Value;
        state = AgentTaskTransitions.TimePassed(state, Options, backAt);
        Assert.Equal(backAt.AddHours(4), AgentTaskEffects.NextTimeOf(state, Options, backAt));
        Assert.Same(state, AgentTaskTransitions.TimePassed(state, Options, backAt.AddHours(4).AddTicks(-1)));
        Assert.Equal("QUEUE_EXPIRED", AgentTaskTransitions.TimePassed(state, Options, backAt.AddHours(4)).Error!.Code);
    }

    [Fact]
    public void A_limit_that_does_not_say_when_it_ends_is_tried_after_growing_times()
    {
        var state = Running();
        double[] minutes = [5, 15, 45, 60, 60];
        foreach (var wait in minutes)
        {
            state = state.Ended(Limited(null, state.Attempt.Number));
            Assert.Equal(EndedAt.AddMinutes(wait), state.HeldUntil);
            Assert.Contains("does not say until when", state.Timeline[^1].Detail);
            state = state.Resumed().Started();
        }

        // It got something done in between: from the beginning.
        state = state.Ended(Limited(null, state.Attempt.Number, outputTokens: 10));
        Assert.Equal(EndedAt.AddMinutes(5), state.HeldUntil);
        state = state.Resumed().Started();
        Assert.Equal(EndedAt.AddMinutes(15), state.Ended(Limited(null, state.Attempt.Number)).HeldUntil);
    }

    [Fact]
    public void A_clock_that_was_set_back_ends_a_hold_that_was_a_guess_and_not_one_that_was_said()
    {
        var guess = Running().Ended(Limited(null));
        var said = Running().Ended(Limited(ResetsAt));
        Assert.Equal(((DateTimeOffset?)EndedAt, null), (guess.HeldSince, said.HeldSince));
        Assert.Same(guess, AgentTaskTransitions.TimePassed(guess, Options, EndedAt));
        var back = AgentTaskTransitions.TimePassed(guess, Options, EndedAt.AddHours(-2));
        Assert.Equal((AgentTaskPhase.Waiting, null), (back.Phase, back.HeldSince));
        Assert.Same(said, AgentTaskTransitions.TimePassed(said, Options, EndedAt.AddHours(-2)));
    }

    [Fact]
    public void Holds_are_not_for_ever()
    {
        var state = Running();
        for (var hold = 1; hold <= AgentTaskTransitions.HoldsMax; hold++) state = (state.Ended(Limited(null, state.Attempt.Number)) with { DeadlineAt = Start.AddHours(1) }).Resumed().Started();
        state = (state with { DeadlineAt = Start.AddHours(1) }).Ended(Limited(null, state.Attempt.Number)).Collected();
        Assert.Equal((AgentTaskStatus.Failed, "WORKER_INFRA_FAILURE", true), (state.Status, state.Error!.Code, state.Result is not null));
    }

    [Fact]
    public void The_deadline_that_is_shown_goes_with_the_clock_while_the_task_is_held_or_waits_again()
    {
        var held = Running().Ended(Limited(ResetsAt));
        DateTimeOffset? Shown(AgentTaskState state, DateTimeOffset now) => AgentTaskSnapshots.Of(state, "{}", null, [], now).DeadlineAt;
        Assert.Equal(held.DeadlineAt, Shown(held, EndedAt));
        Assert.Equal(held.DeadlineAt + TimeSpan.FromHours(2), Shown(held, EndedAt.AddHours(2)));
        var back = AgentTaskTransitions.TimePassed(held, Options, held.HeldUntil!.Value);
        Assert.Equal(held.DeadlineAt + TimeSpan.FromHours(5), Shown(back, EndedAt.AddHours(5)));
        var resumed = held.Resumed();
        Assert.Equal(resumed.DeadlineAt, Shown(resumed, EndedAt.AddHours(9)));
        var (cancelled, _) = AgentTaskTransitions.Cancel(held, EndedAt.AddHours(1));
        Assert.Equal(held.DeadlineAt + TimeSpan.FromHours(1), Shown(cancelled, EndedAt.AddHours(9)));
    }

    [Fact]
    public void A_cancelled_held_task_has_ended_at_once()
    {
        var (state, answer) = AgentTaskTransitions.Cancel(Running().Ended(Limited(ResetsAt)), EndedAt);
        Assert.Equal((CancelResult.Cancelled, AgentTaskPhase.Ended, AgentTaskStatus.Cancelled), (answer, state.Phase, state.Status));
        Assert.Single(state.Callbacks);
        Assert.Null(state.HeldUntil);
    }

    [Fact]
    public void A_limit_that_is_met_after_the_time_limit_interrupts()
    {
        var state = AgentTaskTransitions.SessionEnded(Running(), Limited(ResetsAt), Options, "agent-2", Start.AddHours(1)).Collected();
        Assert.Equal((AgentTaskStatus.Interrupted, true), (state.Status, state.Result!.PartialWork));
    }

    [Fact]
    public void A_reset_that_has_passed_meanwhile_lets_the_task_go_at_once()
    {
        var now = Start.AddMinutes(50);
        var state = AgentTaskTransitions.SessionEnded(Running(), Limited(Start.AddMinutes(10)), Options, "agent-2", now);
        Assert.Equal(AgentTaskPhase.Held, state.Phase);
        Assert.Equal(AgentTaskPhase.Waiting, AgentTaskTransitions.TimePassed(state, Options, now).Phase);
    }

    [Fact]
    public void A_script_that_prints_such_words_and_ends_well_has_succeeded()
    {
        var words = new AgentReport { HasOutput = true, HasResult = true, IsError = false, ErrorKind = AgentErrorKind.UsageLimit, ErrorMessage = "limit" };
        Assert.Equal("succeeded", Running(canResume: false).Ended(Exit(0, words)).Attempts[0].Outcome);
        Assert.Equal(AgentTaskPhase.Held, Running(canResume: false).Ended(Exit(1, words)).Phase);
        Assert.Equal("WORKER_INFRA_FAILURE", Running(canResume: false).Ended(Exit(null, words, signal: 9)).Attempts[0].Outcome);
    }

    private static SessionEndedReport Limited(DateTimeOffset? resetsAt, int attempt = 1, long outputTokens = 0) => Exit(
        1, Said(kind: AgentErrorKind.UsageLimit) with { HasSaidResult = true, LimitResetsAt = resetsAt, Usage = new(0, outputTokens, 0, 0, 0, 1) }, attempt: attempt);
}
