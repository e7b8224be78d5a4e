using Orchestrator.Grains.AgentTasks;
using Orchestrator.Interfaces.AgentTasks;
using Orchestrator.Interfaces.Machines;
using static Orchestrator.Grains.Tests.AgentTasks.TaskScenario;

namespace Orchestrator.Grains.Tests.AgentTasks;

/// <summary>What all attempts of a run together may cost.</summary>
public sealed class BudgetTests
{
    /// <summary>Every attempt of the scenario costs 0.5 US dollars and 2 turns.</summary>
    [Theory]
    [InlineData(1.2, null, 0.2, null)]
    [InlineData(null, 9, null, 5)]
    [InlineData(5.0, 100, 4.0, 96)]
    [InlineData(null, null, null, null)]
    public void What_is_left_for_the_next_attempt_is_what_all_before_have_left(double? cost, int? turns, double? costLeft, int? turnsLeft)
    {
        var state = Running().With(cost, turns).Ended(Exit(137, Said(hasResult: false))).Started().Ended(Exit(137, Said(hasResult: false), attempt: 2));
        var left = AgentTaskTransitions.BudgetLeftOf(state);
        Assert.Equal((costLeft, turnsLeft), (left.CostUsd is { } usd ? Math.Round(usd, 6) : null, left.Turns));
    }

    public static TheoryData<string> Continuations => new("infra", "lost", "stall", "limit");

    [Theory]
    [MemberData(nameof(Continuations))]
    public void No_attempt_starts_without_a_budget(string why)
    {
        var state = Running().With(0.5, null);
        state = why switch
        {
            "infra" => state.Ended(Exit(137, Said(hasResult: false))),
            "lost" => state.Ended(new(Session(), SessionEndKind.Lost, Start.AddMinutes(4), Report: Said(hasResult: false))),
            "stall" => state.Stalled().Ended(Exit(null, Said(hasResult: false), signal: 2, wasStopped: true)),
            _ => state.Ended(Exit(1, Said(kind: AgentErrorKind.UsageLimit))),
        };
        Assert.Equal((AgentTaskPhase.Collecting, 1), (state.Phase, state.Attempts.Length));
        state = state.Collected(commits: 0);
        Assert.Equal((AgentTaskStatus.Failed, "BUDGET_EXHAUSTED", "retry_smaller", true), (state.Status, state.Error!.Code, state.Error.Remediation.Action, state.Result is not null));
        Assert.Contains("0.5 of 0.5 US dollars", state.Error.Message);
        Assert.Equal(why is "infra" or "lost" or "stall", state.Error.Message.Contains("was killed", StringComparison.Ordinal));
    }

    [Fact]
    public void An_agent_is_not_asked_for_more_when_the_budget_is_spent()
    {
        var state = Running(agentType: "execution").With(null, 2).Ended(Exit(0, Said())).Collected();
        Assert.Equal(("BUDGET_EXHAUSTED", true), (state.Error!.Code, state.Result is not null));
    }

    [Theory]
    [InlineData(0.5, 2, "completed")]
    [InlineData(0.49, null, "BUDGET_EXHAUSTED")]
    [InlineData(null, 1, "BUDGET_EXHAUSTED")]
    public void An_agent_that_does_not_keep_to_its_budget_is_judged_by_the_sum(double? cost, int? turns, string how)
    {
        var state = Running().With(cost, turns).Ended(Exit(0, Said())).Collected();
        Assert.Equal(how, state.Error?.Code ?? WireNames.Of(state.Status));
        Assert.NotNull(state.Result);
        Assert.Equal(0.5, state.Result.CostUsd);
    }

    [Fact]
    public void A_running_agent_beyond_its_budget_is_stopped_and_its_work_kept()
    {
        var state = Running().With(1, null).Ended(Exit(137, Said(hasResult: false))).Started();
        var used = AgentUsage.None with { CostUsd = 0.5 };
        Assert.Same(state, AgentTaskTransitions.SessionUsed(state, Session(2), used, Start));
        Assert.Same(state, AgentTaskTransitions.SessionUsed(state, Session(1), used with { CostUsd = 9 }, Start));
        state = AgentTaskTransitions.SessionUsed(state, Session(2), used with { CostUsd = 0.6 }, Start);
        Assert.Equal((AgentTaskPhase.Stopping, AgentTaskEffect.Stop), (state.Phase, AgentTaskEffects.Of(state, Options, Start)));
        Assert.Same(state, AgentTaskTransitions.SessionUsed(state, Session(2), used with { CostUsd = 0.7 }, Start));
        state = state.Ended(Exit(0, Said(kind: AgentErrorKind.Own) with { HasSaidResult = true }, attempt: 2, wasStopped: true)).Collected(commits: 0);
        Assert.Equal((AgentTaskStatus.Failed, "BUDGET_EXHAUSTED", true, "BUDGET_EXHAUSTED"), (state.Status, state.Error!.Code, state.Result is not null, state.Attempt.Outcome));
        Assert.Contains("1.1 of 1 US dollars", state.Error.Message);
    }

    public static TheoryData<string, bool> Costs => new()
    {
        { "killed", true }, { "exit 137", true }, { "lost", true }, { "lost without a word", true }, { "stopped", true },
        { "stopped and told", false }, { "succeeded", false }, { "script failed", false }, { "never started", false },
    };

    [Theory]
    [MemberData(nameof(Costs))]
    public void What_a_killed_attempt_cost_is_not_known_and_not_nothing(string how, bool isUnknown)
    {
        var state = how switch
        {
            "killed" => Running().Ended(Exit(null, Said(hasResult: false), signal: 9)),
            "exit 137" => Running().Ended(Exit(137, Said(hasResult: false))),
            "lost" => Running().Ended(new(Session(), SessionEndKind.Lost, Start, Report: Said(hasResult: false))),
            "lost without a word" => Running().Ended(new(Session(), SessionEndKind.Lost, Start)),
            "stopped" => AgentTaskTransitions.TimePassed(Running(), Options, Start.AddHours(1)).Ended(Exit(130, Said(hasResult: false), wasStopped: true)),
            "stopped and told" => AgentTaskTransitions.TimePassed(Running(), Options, Start.AddHours(1)).Ended(Exit(0, Said(kind: AgentErrorKind.Own) with { HasSaidResult = true }, wasStopped: true)),
            "succeeded" => Running().Ended(Exit(0, Said())),
            "script failed" => Running(canResume: false).Ended(Exit(3, new AgentReport { HasOutput = true, HasResult = true, IsError = false })),
            _ => AgentTaskTransitions.TimePassed(Starting(), Options, Start.AddHours(1)).Ended(new(Session(), SessionEndKind.NotStarted, Start, WasStopped: true)),
        };
        Assert.Equal(isUnknown, state.Attempts[0].Usage.CostUnknown);
        Assert.Equal(isUnknown, AgentTaskTransitions.UsageOf(state).CostUnknown);
        if (how == "lost without a word") Assert.Null(state.Attempts[0].Usage.CostUsd);
    }

    [Fact]
    public void A_task_that_names_no_budget_has_the_configured_one()
    {
        var options = new AgentTaskOptions { CostUsdMax = 2.5, TurnsMax = 40 };
        var facts = AgentTaskRequest.FactsOf(TaskSilo.Submission("t1"), options);
        Assert.Equal((2.5, 40), (facts.CostUsdMax, facts.TurnsMax));
        Assert.Equal((null, null), (AgentTaskRequest.FactsOf(TaskSilo.Submission("t1"), Options).CostUsdMax, (int?)null));
    }
}
