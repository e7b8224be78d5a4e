using Orchestrator.Grains.AgentTasks;
using Orchestrator.Interfaces.AgentTasks;
using Orchestrator.Interfaces.Callbacks;
using Orchestrator.Interfaces.Machines;
using static Orchestrator.Grains.Tests.AgentTasks.TaskScenario;

namespace Orchestrator.Grains.Tests.AgentTasks;

/// <summary>The contract's table "How a task ends", and the way there.</summary>
public sealed class AgentTaskTransitionsTests
{
    [Fact]
    public void A_task_goes_its_whole_way_and_owes_one_callback_with_its_terminal_state()
    {
        var state = Running().Ended(Exit(0, Said()));
        Assert.Equal((AgentTaskPhase.Collecting, AgentTaskStatus.Running), (state.Phase, state.Status));
        Assert.Empty(state.Callbacks);
        state = state.Collected(commits: 2);
        Assert.Equal((AgentTaskPhase.Ended, AgentTaskStatus.Completed), (state.Phase, state.Status));
        Assert.Equal(("task/task-1", 2, "Done.", 0.5), (state.Result!.Branch, state.Result.Commits, state.Result.Summary, state.Result.CostUsd));
        var debt = Assert.Single(state.Callbacks);
        Assert.Equal(("task-1-r1-completed", CallbackState.Owed), (debt.Callback.Id, debt.State));
        Assert.Contains("\"status\":\"completed\"", debt.Callback.Body);
        Assert.Equal(
            ["accepted", "slot_granted", "worktree_ready", "agent_started", "agent_ended", "completed"], state.Timeline.Select(entry => entry.Event));
    }

    [Fact]
    public void An_event_that_does_not_fit_changes_nothing()
    {
        var ended = Running().Ended(Exit(0, Said())).Collected();
        Assert.Same(ended, ended.Ended(Exit(1, null)));
        Assert.Same(ended, ended.Collected());
        Assert.Same(ended, AgentTaskTransitions.SlotGranted(ended, new(TaskId, 1, 1, Start), "x", Start));
        Assert.Same(ended, AgentTaskTransitions.WorktreePrepared(ended, new(Session(), Tree, null), Start));
        Assert.Same(ended, AgentTaskTransitions.TimePassed(ended, Options, Start.AddYears(1)));
        var running = Running();
        Assert.Same(running, running.Ended(Exit(0, Said(), attempt: 2)));
        Assert.Same(running, running.Collected());
        var waiting = Waiting();
        Assert.Same(waiting, AgentTaskTransitions.SlotGranted(waiting, new(TaskId, 2, 1, Start), "x", Start));
    }

    [Fact]
    public void A_worktree_that_cannot_be_made_fails_the_task_and_says_what_to_do()
    {
        var state = AgentTaskTransitions.WorktreePrepared(Preparing(), new(Session(), null, new("No branch 'x'.", "Push it.")), Start);
        Assert.Equal((AgentTaskPhase.Ended, AgentTaskStatus.Failed, "SETUP_FAILED", "No branch 'x'."), (state.Phase, state.Status, state.Error!.Code, state.Error.Message));
        Assert.Equal("Push it.", state.Error.Remediation.ManualSteps);
        Assert.Null(state.Result);
    }

    [Theory]
    [InlineData(AgentErrorKind.Own, "AGENT_FAILED", 1, true)]
    [InlineData(AgentErrorKind.Own, "AGENT_FAILED", 0, false)]
    [InlineData(AgentErrorKind.Refused, "AGENT_FAILED", 0, false)]
    [InlineData(AgentErrorKind.Budget, "BUDGET_EXHAUSTED", 0, true)]
    [InlineData(AgentErrorKind.Budget, "BUDGET_EXHAUSTED", 3, true)]
    public void An_agents_own_failure_ends_the_run_after_its_work_was_collected(AgentErrorKind kind, string code, int commits, bool hasResult)
    {
        var state = Running().Ended(Exit(1, Said(kind: kind)));
        Assert.Equal(AgentTaskPhase.Collecting, state.Phase);
        state = state.Collected(commits);
        Assert.Equal((AgentTaskStatus.Failed, code, $"said {kind}"), (state.Status, state.Error!.Code, state.Error.Message));
        Assert.Equal(hasResult, state.Result is not null);
        Assert.Equal(Tree.Path, state.Error.Remediation.WorktreePath);
    }

    [Fact]
    public void A_resume_that_is_impossible_fails_at_once()
    {
        var state = Running().Ended(Exit(1, Said(kind: AgentErrorKind.ResumeImpossible)));
        Assert.Equal((AgentTaskPhase.Ended, "RESUME_ATTEMPT_FAILED"), (state.Phase, state.Error!.Code));
        Assert.Null(state.Result);
    }

    public static TheoryData<string> InfraFailures => new("signal", "exit 137", "exit 139", "no result", "no output", "overload");

    [Theory]
    [MemberData(nameof(InfraFailures))]
    public void A_failure_that_is_nobodys_fault_is_tried_three_times_with_growing_delays(string failure)
    {
        var state = Running();
        for (var attempt = 1; attempt < 3; attempt++)
        {
            state = state.Ended(InfraFailure(failure, attempt));
            var endedAt = Start.AddMinutes(4);
            Assert.Equal((AgentTaskPhase.Running, attempt + 1), (state.Phase, state.Attempt.Number));
            Assert.Equal(endedAt + TimeSpan.FromSeconds(attempt == 1 ? 10 : 60), state.Attempt.NotBefore);
            Assert.Equal("WORKER_INFRA_FAILURE", state.Attempts[^2].Outcome);
            Assert.Empty(state.Callbacks);
            Assert.Equal(failure != "no output", state.Attempt.IsResume);
            state = AgentTaskTransitions.SessionStarted(state, new(Session(attempt + 1), Start, "claude", true, Terminal), Start);
        }

        state = state.Ended(InfraFailure(failure, 3));
        Assert.Equal(AgentTaskPhase.Collecting, state.Phase);
        state = state.Collected(commits: 0);
        Assert.Equal((AgentTaskStatus.Failed, "WORKER_INFRA_FAILURE"), (state.Status, state.Error!.Code));
        Assert.Null(state.Result);
    }

    [Fact]
    public void An_agent_that_cannot_be_resumed_starts_anew_in_the_same_worktree()
    {
        var state = Running(canResume: false).Ended(Exit(null, null, signal: 9));
        Assert.Equal((false, "agent-2"), (state.Attempt.IsResume, state.Attempt.AgentSessionId));
        Assert.Null(state.Attempt.FollowUp);
        Assert.Equal(Tree, state.Worktree);
    }

    [Fact]
    public void A_resumed_attempt_goes_on_with_the_same_conversation()
    {
        var state = Running().Ended(Exit(null, Said(hasResult: false), signal: 9));
        Assert.Equal((true, "agent-1", FollowUps.GoOn), (state.Attempt.IsResume, state.Attempt.AgentSessionId, state.Attempt.FollowUp));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_lost_session_is_resumed_or_interrupts_the_task_as_the_policy_says(bool resumes)
    {
        var lost = new SessionEndedReport(Session(), SessionEndKind.Lost, Start.AddMinutes(4));
        var state = AgentTaskTransitions.SessionEnded(Running(), lost, new() { ResumeAfterLoss = resumes }, "agent-2", Start.AddMinutes(4));
        if (resumes)
        {
            Assert.Equal((AgentTaskPhase.Running, 2, true), (state.Phase, state.Attempt.Number, state.Attempt.IsResume));
            Assert.Null(state.Attempt.NotBefore);
        }
        else
        {
            state = state.Collected(commits: 0);
            Assert.Equal((AgentTaskStatus.Interrupted, true), (state.Status, state.Result!.PartialWork));
            Assert.Null(state.Error);
        }
    }

    [Fact]
    public void A_session_lost_three_times_interrupts_the_task()
    {
        var state = Running();
        for (var attempt = 1; attempt <= 3; attempt++) state = state.Ended(new(Session(attempt), SessionEndKind.Lost, Start.AddMinutes(4)));
        Assert.Equal(AgentTaskStatus.Interrupted, state.Collected().Status);
    }

    [Fact]
    public void A_failed_setup_script_fails_the_task_without_a_result()
    {
        var state = Starting().Ended(new(Session(), SessionEndKind.SetupFailed, Start, 3, Failure: new("setup exited with 3", null)));
        Assert.Equal((AgentTaskPhase.Ended, "SETUP_FAILED", "setup exited with 3"), (state.Phase, state.Error!.Code, state.Error.Message));
        Assert.Null(state.Result);
    }

    [Fact]
    public void A_script_that_exits_with_zero_and_says_nothing_has_completed()
    {
        var silent = new AgentReport { HasOutput = false, HasResult = true, IsError = false };
        var state = Running(canResume: false).Ended(Exit(0, silent)).Collected(commits: 1);
        Assert.Equal((AgentTaskStatus.Completed, "The agent said nothing; its commit: commit 1"), (state.Status, state.Result!.Summary));
        Assert.Equal("AGENT_FAILED", Running(canResume: false).Ended(Exit(7, silent)).Collected().Error!.Code);
    }

    [Fact]
    public void A_time_limit_stops_the_session_and_keeps_the_partial_work()
    {
        var running = Running();
        Assert.Same(running, AgentTaskTransitions.TimePassed(running, Options, Start.AddHours(1).AddTicks(-1)));
        var state = AgentTaskTransitions.TimePassed(running, Options, Start.AddHours(1));
        Assert.Equal((AgentTaskPhase.Stopping, AgentTaskStatus.Running, AgentTaskEffect.Stop), (state.Phase, state.Status, AgentTaskEffects.Of(state, Options, Start)));
        state = state.Ended(Exit(null, Said(hasResult: false), signal: 2, wasStopped: true)).Collected(commits: 1);
        Assert.Equal((AgentTaskStatus.Interrupted, true, "stopped"), (state.Status, state.Result!.PartialWork, state.Attempt.Outcome));
        Assert.Contains("\"partialWork\":true", state.Callbacks[0].Callback.Body);
    }

    [Fact]
    public void A_time_limit_while_the_worktree_is_made_interrupts_without_a_result()
    {
        var state = AgentTaskTransitions.TimePassed(Preparing(), Options, Start.AddHours(1));
        state = state.Ended(new(Session(), SessionEndKind.NotStarted, Start.AddHours(1), WasStopped: true));
        Assert.Equal((AgentTaskPhase.Ended, AgentTaskStatus.Interrupted), (state.Phase, state.Status));
        Assert.Null(state.Result);
    }

    [Fact]
    public void A_task_that_waits_too_long_expires()
    {
        var waiting = Waiting();
        Assert.Same(waiting, AgentTaskTransitions.TimePassed(waiting, Options, Start.AddHours(24).AddTicks(-1)));
        var state = AgentTaskTransitions.TimePassed(waiting, Options, Start.AddHours(24));
        Assert.Equal((AgentTaskStatus.Failed, "QUEUE_EXPIRED", "wait"), (state.Status, state.Error!.Code, state.Error.Remediation.Action));
        Assert.Contains("\"duration\":0", state.Callbacks[0].Callback.Body);
    }

    public static TheoryData<string> CancelPhases => new("waiting", "preparing", "starting", "running", "stopping", "collecting");

    [Theory]
    [MemberData(nameof(CancelPhases))]
    public void A_cancelled_task_owes_its_callback_at_once_and_keeps_its_slot_until_its_session_is_dead(string phase)
    {
        var state = InPhase(phase);
        var (cancelled, answer) = AgentTaskTransitions.Cancel(state, Start.AddMinutes(3));
        Assert.Equal((CancelResult.Cancelled, AgentTaskStatus.Cancelled), (answer, cancelled.Status));
        Assert.Contains("\"status\":\"cancelled\"", Assert.Single(cancelled.Callbacks).Callback.Body);
        var hadSession = phase is "preparing" or "starting" or "running" or "stopping";
        Assert.Equal(hadSession ? AgentTaskPhase.Stopping : AgentTaskPhase.Ended, cancelled.Phase);
        if (hadSession)
        {
            Assert.Equal((cancelled, CancelResult.Cancelled), AgentTaskTransitions.Cancel(cancelled, Start.AddMinutes(4)));
            cancelled = cancelled.Ended(Exit(0, Said()));
        }

        Assert.Equal((AgentTaskPhase.Ended, AgentTaskStatus.Cancelled, AgentTaskEffect.WindUp), (cancelled.Phase, cancelled.Status, AgentTaskEffects.Of(cancelled, Options, Start)));
        Assert.Single(cancelled.Callbacks);
        Assert.Null(cancelled.Result);
        Assert.Equal(CancelResult.AlreadyCompleted, AgentTaskTransitions.Cancel(cancelled, Start).Answer);
        Assert.Same(cancelled, cancelled.Collected());
    }

    [Fact]
    public void A_worktree_that_is_gone_is_said()
    {
        var state = Running().Ended(Exit(0, Said())).Collected(isLost: true, failure: new("gone"));
        Assert.Equal((AgentTaskStatus.Failed, "WORKTREE_LOST"), (state.Status, state.Error!.Code));
        Assert.Null(state.Result);
    }

    [Fact]
    public void A_worktree_that_is_gone_when_the_next_attempt_starts_is_said()
    {
        var state = Running(canResume: false).Ended(Exit(null, null, signal: 9));
        state = state.Ended(new(Session(2), SessionEndKind.WorktreeLost, Start.AddMinutes(5)));
        Assert.Equal((AgentTaskPhase.Ended, "WORKTREE_LOST"), (state.Phase, state.Error!.Code));
    }

    [Fact]
    public void Work_that_cannot_be_collected_is_no_completion()
    {
        var state = Running().Ended(Exit(0, Said())).Collected(failure: new("git says no"));
        Assert.Equal((AgentTaskStatus.Failed, "WORKER_INFRA_FAILURE"), (state.Status, state.Error!.Code));
        Assert.Contains("git says no", state.Error.Message);
    }

    [Fact]
    public void An_agent_is_asked_once_for_members_that_its_result_lacks()
    {
        var state = Running(agentType: "execution").Ended(Exit(0, Said(reported: """{"prUrl":"https://x/1"}"""))).Collected();
        Assert.Equal((AgentTaskPhase.Running, 2, true), (state.Phase, state.Attempt.Number, state.Attempt.IsResume));
        Assert.Contains("execution_linear_issue_url", state.Attempt.FollowUp);
        Assert.Empty(state.Callbacks);
        var answered = state.Ended(Exit(0, Said(reported: """{"execution_outcome_label":"already_completed"}"""), attempt: 2)).Collected();
        Assert.Equal(AgentTaskStatus.Completed, answered.Status);
        Assert.Contains("https://x/1", answered.Result!.ReportedJson);
        Assert.Contains("already_completed", answered.Result.ReportedJson);
        Assert.Equal((1.0, 4), (answered.Result.CostUsd, AgentTaskTransitions.UsageOf(answered).Turns));

        var silent = state.Ended(Exit(0, Said(), attempt: 2)).Collected();
        Assert.Equal((AgentTaskStatus.Failed, "TASK_COMPLETION_VERIFICATION_FAILED"), (silent.Status, silent.Error!.Code));
        Assert.Contains("execution_linear_issue_url", silent.Error.Message);
    }

    [Fact]
    public void An_agent_that_cannot_be_asked_fails_the_verification_at_once()
    {
        var state = Running(canResume: false, agentType: "execution").Ended(Exit(0, Said())).Collected();
        Assert.Equal("TASK_COMPLETION_VERIFICATION_FAILED", state.Error!.Code);
    }

    [Fact]
    public void An_unclear_plan_is_asked_for_its_question_and_passes_it_through()
    {
        var state = Running(agentType: "planning")
            .Ended(Exit(0, Said(reported: """{"planning_outcome_label":"unclear"}"""))).Collected(commits: 0);
        Assert.Contains("planning_unclear_clarification", state.Attempt.FollowUp);
        state = state.Ended(Exit(0, Said(reported: """{"planning_unclear_clarification":"Which login?"}"""), attempt: 2)).Collected(commits: 0);
        Assert.Equal((AgentTaskStatus.Failed, "PLANNING_AGENT_UNCLEAR", "Which login?"), (state.Status, state.Error!.Code, state.Error.Message));
        Assert.Contains("Which login?", state.Result!.ReportedJson);
    }

    [Fact]
    public void A_settled_callback_is_settled_once()
    {
        var state = Running().Ended(Exit(0, Said())).Collected();
        var delivered = AgentTaskTransitions.CallbackSettled(state, "task-1-r1-completed", CallbackState.Delivered, Start);
        Assert.Equal(CallbackState.Delivered, delivered.Callbacks[0].State);
        Assert.Same(delivered, AgentTaskTransitions.CallbackSettled(delivered, "task-1-r1-completed", CallbackState.Dead, Start));
        Assert.Same(state, AgentTaskTransitions.CallbackSettled(state, "another", CallbackState.Dead, Start));
    }

    [Fact]
    public void A_long_timeline_loses_its_middle()
    {
        var state = Running(canResume: true);
        for (var i = 0; i < 500; i++) state = AgentTaskTransitions.SessionStarted(state with { Attempts = [state.Attempt with { StartedAt = null }] }, new(Session(), Start.AddSeconds(i), "claude", true, Terminal), Start.AddSeconds(i));
        Assert.Equal(200, state.Timeline.Length);
        Assert.Equal("accepted", state.Timeline[0].Event);
        Assert.Equal(Start.AddSeconds(499), state.Timeline[^1].At);
    }

    [Fact]
    public void What_the_clock_changes_is_known_before()
    {
        Assert.Equal(Start.AddHours(24), AgentTaskEffects.NextTimeOf(Waiting(), Options, Start));
        Assert.Equal(Start.AddHours(1), AgentTaskEffects.NextTimeOf(Running(), Options, Start));
        var retried = Running().Ended(Exit(null, null, signal: 9));
        Assert.Equal(retried.Attempt.NotBefore, AgentTaskEffects.NextTimeOf(retried, Options, Start.AddMinutes(4)));
        Assert.Equal(AgentTaskEffect.None, AgentTaskEffects.Of(retried, Options, Start.AddMinutes(4)));
        Assert.Equal(AgentTaskEffect.Start, AgentTaskEffects.Of(retried, Options, retried.Attempt.NotBefore!.Value));
        Assert.Equal(retried.DeadlineAt, AgentTaskEffects.NextTimeOf(retried, Options, retried.Attempt.NotBefore!.Value));
    }

    private static SessionEndedReport InfraFailure(string failure, int attempt) => failure switch
    {
        "signal" => Exit(null, Said(hasResult: false), signal: 9, attempt: attempt),
        "exit 137" => Exit(137, Said(hasResult: false), attempt: attempt),
        "exit 139" => Exit(139, Said(hasResult: false), attempt: attempt),
        "no result" => Exit(1, Said(hasResult: false), attempt: attempt),
        "no output" => Exit(1, new AgentReport { HasOutput = false, HasResult = false, IsError = false }, attempt: attempt),
        _ => Exit(1, Said(kind: AgentErrorKind.Overload), attempt: attempt),
    };

    private static AgentTaskState InPhase(string phase) => phase switch
    {
        "waiting" => Waiting(),
        "preparing" => Preparing(),
        "starting" => Starting(),
        "running" => Running(),
        "stopping" => AgentTaskTransitions.TimePassed(Running(), Options, Start.AddHours(1)),
        _ => Running().Ended(Exit(0, Said())),
    };

    [Fact]
    public void A_task_that_was_blocked_after_it_had_a_slot_may_have_a_worktree_all_the_same()
    {
        Assert.Equal(WorktreeCare.None, AgentTaskEffects.CareOf(AgentTaskTransitions.Cancel(TaskScenario.Waiting(), TaskScenario.Start).Next, TaskScenario.Options));
        var blocked = AgentTaskTransitions.WorktreePrepared(TaskScenario.Preparing(), new(TaskScenario.Session(), null, null, BlockedBy: "t2"), TaskScenario.Start);
        var ended = AgentTaskTransitions.Cancel(blocked, TaskScenario.Start).Next;
        Assert.Equal(WorktreeCare.Find, AgentTaskEffects.CareOf(ended, TaskScenario.Options));
        Assert.Equal(WorktreeCare.None, AgentTaskEffects.CareOf(AgentTaskTransitions.WorktreeFound(ended, new(TaskScenario.Session(), null, null), TaskScenario.Start), TaskScenario.Options));
        var failed = new WorktreeReport(TaskScenario.Session(), null, new("Git says no."));
        Assert.Equal(WorktreeCare.Find, AgentTaskEffects.CareOf(AgentTaskTransitions.WorktreeFound(ended, failed, TaskScenario.Start), TaskScenario.Options));
        Assert.Equal(WorktreeCare.None, AgentTaskEffects.CareOf(AgentTaskTransitions.WorktreeFound(ended, failed, TaskScenario.Start.AddHours(1)), TaskScenario.Options));
    }
}
