using System.Globalization;
using Orchestrator.Interfaces.AgentTasks;
using Orchestrator.Interfaces.Machines;

namespace Orchestrator.Grains.AgentTasks;

/// <content>What all attempts of a run together may cost. What is not known (an agent was killed before it said so) is not counted.</content>
internal static partial class AgentTaskTransitions
{
    /// <summary>A running agent has said what it used: beyond the budget it is stopped.</summary>
    public static AgentTaskState SessionUsed(AgentTaskState state, SessionName session, AgentUsage usage, DateTimeOffset now)
    {
        if (state.Phase != AgentTaskPhase.Running || session != state.Session(state.Facts.TaskId) || state.Attempt.StartedAt is null) return state;
        var used = UsageOf(state).Plus(usage);
        if (!IsOver(state.Facts, used)) return state;
        var plan = Exhausted(state, used);
        return (state with { Phase = AgentTaskPhase.Stopping, PlannedEnd = plan }).Noting(now, "budget", plan.Error!.Message);
    }

    /// <summary>What all attempts of the current run used.</summary>
    public static AgentUsage UsageOf(AgentTaskState state) =>
        state.Attempts.Where(attempt => attempt.Run == state.Run).Aggregate(AgentUsage.None, (sum, attempt) => sum.Plus(attempt.Usage));

    /// <summary>What is left for the next attempt; null: no limit.</summary>
    public static (double? CostUsd, int? Turns) BudgetLeftOf(AgentTaskState state)
    {
        var used = UsageOf(state);
        return (state.Facts.CostUsdMax - (used.CostUsd ?? 0), state.Facts.TurnsMax - used.Turns);
    }

    private static bool HasBudgetLeft(AgentTaskState state) => BudgetLeftOf(state) is not ({ } and <= 0, _) and not (_, { } and <= 0);

    private static bool IsOverBudget(AgentTaskState state) => IsOver(state.Facts, UsageOf(state));

    private static bool IsOver(AgentTaskFacts facts, AgentUsage used) => used.CostUsd > facts.CostUsdMax || used.Turns > facts.TurnsMax;

    private static PlannedEnd Exhausted(AgentTaskState state, AgentUsage used)
    {
        var (facts, culture) = (state.Facts, CultureInfo.InvariantCulture);
        var cost = facts.CostUsdMax is { } most ? string.Create(culture, $"{used.CostUsd ?? 0:0.####} of {most:0.####} US dollars") : null;
        var turns = facts.TurnsMax is { } mostTurns ? string.Create(culture, $"{used.Turns} of {mostTurns} turns") : null;
        var spent = string.Join(" and ", new[] { cost, turns }.OfType<string>());
        var unknown = used.CostUnknown ? " An agent that was killed did not say what it had cost." : "";
        return new(AgentTaskStatus.Failed, TaskErrors.Budget($"The budget is exhausted: {spent} were used.{unknown}", state.Worktree), ResultRule.Always);
    }
}
