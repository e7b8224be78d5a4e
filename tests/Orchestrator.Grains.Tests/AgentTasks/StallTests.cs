using Orchestrator.Grains.AgentTasks;
using Orchestrator.Interfaces.AgentTasks;
using Orchestrator.Interfaces.Machines;
using static Orchestrator.Grains.Tests.AgentTasks.TaskScenario;

namespace Orchestrator.Grains.Tests.AgentTasks;

/// <summary>Agents that show no sign of life.</summary>
public sealed class StallTests
{
    private static readonly DateTimeOffset Now = Start.AddMinutes(30);

    [Fact]
    public void A_silent_session_is_stopped_and_goes_on_with_the_same_conversation()
    {
        var state = Running().Stalled();
        Assert.Equal((AgentTaskPhase.Stopping, AgentTaskStatus.Running, AgentTaskEffect.Stop), (state.Phase, state.Status, AgentTaskEffects.Of(state, Options, Now)));
        state = state.Ended(Exit(null, Said(hasResult: false), signal: 2, wasStopped: true));
        Assert.Equal((AgentTaskPhase.Running, 2, true, "agent-1", FollowUps.Stalled), (state.Phase, state.Attempt.Number, state.Attempt.IsResume, state.Attempt.AgentSessionId, state.Attempt.FollowUp));
        Assert.Equal(("stalled", true, (DateTimeOffset?)null), (state.Attempts[0].Outcome, state.Attempts[0].Usage.CostUnknown, state.StalledSince));
        Assert.Null(state.Attempt.NotBefore);
        Assert.Empty(state.Callbacks);
    }

    [Fact]
    public void A_silent_agent_without_a_conversation_starts_anew_in_the_same_worktree()
    {
        var script = Running(canResume: false).Stalled().Ended(Exit(130, new AgentReport { HasOutput = true, HasResult = true, IsError = false }, wasStopped: true));
        Assert.Equal((AgentTaskPhase.Running, false, "agent-2", null), (script.Phase, script.Attempt.IsResume, script.Attempt.AgentSessionId, script.Attempt.FollowUp));
        Assert.Equal(Tree, script.Worktree);
        var speechless = Running().Stalled().Ended(Exit(null, new AgentReport { HasOutput = false, HasResult = false, IsError = false }, signal: 9, wasStopped: true));
        Assert.False(speechless.Attempt.IsResume);
    }

    [Theory]
    [InlineData(0, false)]
    [InlineData(2, true)]
    public void After_three_resumes_it_fails_and_has_a_result_if_there_are_commits(int commits, bool hasResult)
    {
        var state = Running();
        for (var attempt = 1; attempt <= 3; attempt++)
        {
            state = state.Stalled().Ended(Exit(null, Said(hasResult: false), signal: 2, attempt: attempt, wasStopped: true));
            Assert.Equal((AgentTaskPhase.Running, attempt + 1), (state.Phase, state.Attempt.Number));
            state = state.Started();
        }

        state = state.Stalled().Ended(Exit(null, Said(hasResult: false), signal: 2, attempt: 4, wasStopped: true)).Collected(commits);
        Assert.Equal((AgentTaskStatus.Failed, "TASK_INACTIVITY_TIMEOUT", hasResult), (state.Status, state.Error!.Code, state.Result is not null));
        Assert.Contains("20 minutes, after 3 resumes", state.Error.Message);
    }

    public static TheoryData<string, string> Ends => new()
    {
        { "success by itself", "succeeded" },
        { "success said, then stopped", "succeeded" },
        { "success said, then killed", "succeeded" },
        { "own error by itself", "AGENT_FAILED" },
        { "usage limit by itself", "usage_limit" },
        { "error when interrupted", "stalled" },
        { "killed", "stalled" },
        { "lost", "stalled" },
        { "crashed by itself", "stalled" },
        { "script that ends well when it is stopped", "stalled" },
    };

    [Theory]
    [MemberData(nameof(Ends))]
    public void What_ends_by_itself_while_it_is_stopped_for_its_silence_counts(string how, string outcome)
    {
        var success = Said() with { HasSaidResult = true };
        var report = how switch
        {
            "success by itself" => Exit(0, success),
            "success said, then stopped" => Exit(0, success, wasStopped: true),
            "success said, then killed" => Exit(null, success, signal: 9, wasStopped: true),
            "own error by itself" => Exit(1, Said(kind: AgentErrorKind.Own) with { HasSaidResult = true }),
            "usage limit by itself" => Exit(1, Said(kind: AgentErrorKind.UsageLimit) with { HasSaidResult = true }),
            "error when interrupted" => Exit(0, Said(kind: AgentErrorKind.Own) with { HasSaidResult = true }, wasStopped: true),
            "killed" => Exit(null, Said(hasResult: false), signal: 9, wasStopped: true),
            "lost" => new(Session(), SessionEndKind.Lost, Now, WasStopped: true, Report: Said(hasResult: false)),
            "crashed by itself" => Exit(139, Said(hasResult: false)),
            _ => Exit(0, new AgentReport { HasOutput = true, HasResult = true, IsError = false }, wasStopped: true),
        };
        var state = Running().Stalled().Ended(report);
        Assert.Equal(outcome, state.Attempts[0].Outcome);
        Assert.Null(state.StalledSince);
        Assert.Equal(
            outcome switch { "stalled" => AgentTaskPhase.Running, "usage_limit" => AgentTaskPhase.Held, _ => AgentTaskPhase.Collecting },
            state.Phase);
        if (outcome == "succeeded") Assert.Equal(AgentTaskStatus.Completed, state.Collected().Status);
    }

    [Fact]
    public void A_success_after_the_last_resume_was_given_up_counts_as_success()
    {
        var state = Running();
        for (var attempt = 1; attempt <= 3; attempt++) state = state.Stalled().Ended(Exit(null, Said(hasResult: false), signal: 2, attempt: attempt, wasStopped: true)).Started();
        state = state.Stalled();
        Assert.NotNull(state.PlannedEnd);
        Assert.Equal(AgentTaskStatus.Completed, state.Ended(Exit(0, Said() with { HasSaidResult = true }, attempt: 4)).Collected().Status);
    }

    [Fact]
    public void A_notice_that_does_not_fit_changes_nothing()
    {
        var (starting, running, ended) = (Starting(), Running(), Running().Ended(Exit(0, Said())).Collected());
        Assert.Same(starting, starting.Stalled());
        Assert.Same(running, AgentTaskTransitions.SessionStalled(running, Session(2), Now.AddMinutes(-20), Now));
        Assert.Same(ended, ended.Stalled());
        var stalled = running.Stalled();
        Assert.Same(stalled, stalled.Stalled());
    }

    [Fact]
    public void A_time_limit_that_comes_while_it_is_stopped_leaves_no_time_for_a_resume()
    {
        var state = Running().Stalled();
        Assert.Equal(state.DeadlineAt, AgentTaskEffects.NextTimeOf(state, Options, Now));
        state = AgentTaskTransitions.TimePassed(state, Options, Start.AddHours(1));
        state = state.Ended(Exit(null, Said(hasResult: false), signal: 2, wasStopped: true)).Collected();
        Assert.Equal((AgentTaskStatus.Interrupted, true, "stopped"), (state.Status, state.Result!.PartialWork, state.Attempt.Outcome));
    }

    [Fact]
    public void A_cancellation_while_it_is_stopped_is_the_end()
    {
        var (state, answer) = AgentTaskTransitions.Cancel(Running().Stalled(), Now);
        Assert.Equal((CancelResult.Cancelled, AgentTaskPhase.Stopping), (answer, state.Phase));
        state = state.Ended(Exit(0, Said() with { HasSaidResult = true }));
        Assert.Equal((AgentTaskPhase.Ended, AgentTaskStatus.Cancelled), (state.Phase, state.Status));
        Assert.Single(state.Attempts);
    }

    [Fact]
    public void Stalls_holds_and_questions_leave_the_attempts_for_failures_of_the_machine_untouched()
    {
        var state = Running(agentType: "execution");
        state = state.Stalled().Ended(Exit(null, Said(hasResult: false), signal: 2, wasStopped: true)).Started();
        state = state.Ended(Exit(1, Said(kind: AgentErrorKind.UsageLimit), attempt: 2)).Resumed().Started();
        state = state.Ended(Exit(0, Said(), attempt: 3)).Collected().Started();
        Assert.Equal(4, state.Attempt.Number);
        state = state.Ended(Exit(137, Said(hasResult: false), attempt: 4)).Started();
        Assert.Equal(TimeSpan.FromSeconds(10), AgentTaskTransitions.RetryDelay(AttemptOutcomes.InfraFailuresOf(state)));
        state = state.Ended(new(Session(5), SessionEndKind.Lost, Now)).Started();
        Assert.Equal((AgentTaskPhase.Running, 6), (state.Phase, state.Attempt.Number));
        state = state.Ended(Exit(1, Said(kind: AgentErrorKind.Overload), attempt: 6)).Collected(commits: 0);
        Assert.Equal((AgentTaskStatus.Failed, "WORKER_INFRA_FAILURE", null), (state.Status, state.Error!.Code, state.Result));
    }
}
