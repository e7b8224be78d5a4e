using System.Text.Json;
using System.Text.Json.Nodes;
using Orchestrator.Grains.Callbacks;
using Orchestrator.Interfaces.AgentTasks;
using Orchestrator.Interfaces.Machines;

namespace Orchestrator.Grains.AgentTasks;

/// <content>How attempts and runs end: the contract's table "How a task ends".</content>
internal static partial class AgentTaskTransitions
{
    /// <summary>Between attempts after a failure that is not the agent's own: 10 s, then 60 s.</summary>
    /// <param name="failures">How many there were in this run, from 1.</param>
    public static TimeSpan RetryDelay(int failures) => failures <= 1 ? TimeSpan.FromSeconds(10) : TimeSpan.FromSeconds(60);

    /// <summary>The session of the current attempt is over: the run ends, goes on with the next attempt, or has its work collected first.</summary>
    public static AgentTaskState SessionEnded(
        AgentTaskState state, SessionEndedReport report, AgentTaskOptions options, string agentSessionId, DateTimeOffset now)
    {
        if (state.Phase is not (AgentTaskPhase.Running or AgentTaskPhase.Stopping) || report.Session != state.Session(state.Facts.TaskId)) return state;
        var verdict = SessionVerdicts.Judge(report, state.Worktree);
        var isStopped = state.Phase == AgentTaskPhase.Stopping && !EndedByItself(state, report, verdict);
        var usage = report.Report?.Usage ?? AgentUsage.None;
        var ended = state.WithAttempt(state.Attempt with
        {
            EndedAt = report.EndedAt,
            ExitCode = report.ExitCode,
            Outcome = !isStopped ? verdict.Outcome : state.StalledSince is null ? state.PlannedEnd?.Error?.Code ?? AttemptOutcomes.Stopped : AttemptOutcomes.Stalled,
            AgentSessionId = report.Report?.AgentSessionId ?? state.Attempt.AgentSessionId,
            Usage = SessionVerdicts.WasCutShort(report) ? usage with { CostUnknown = true } : usage,
        }) with
        {
            Summary = report.Report?.Summary ?? state.Summary,
            ReportedJson = MergeReported(state.ReportedJson, report.Report?.ReportedJson),
        };
        ended = ended.Noting(now, "agent_ended", $"attempt {ended.Attempt.Number}: {ended.Attempt.Outcome}");

        // An agent that never said a word has no conversation yet.
        var hasConversation = ended.Attempt.CanResume && report.Report is not { HasOutput: false };
        if (isStopped) return ended.StalledSince is null ? Stopped(ended, now) : AfterStall(ended, agentSessionId, hasConversation, now);
        return Judged(ended with { StalledSince = null, PlannedEnd = null }, report, verdict, options, agentSessionId, hasConversation, now);
    }

    /// <summary>The attempt has ended by itself, or by what nobody planned.</summary>
    private static AgentTaskState Judged(
        AgentTaskState ended, SessionEndedReport report, SessionVerdict verdict, AgentTaskOptions options, string agentSessionId, bool hasConversation, DateTimeOffset now)
    {
        if (verdict.Kind is VerdictKind.SetupFailed or VerdictKind.ResumeImpossible) return End(ended, AgentTaskStatus.Failed, null, verdict.Error, now);
        if (verdict.Kind != VerdictKind.Budget && IsOverBudget(ended)) return Collect(ended, Exhausted(ended, UsageOf(ended)));
        var failures = AttemptOutcomes.InfraFailuresOf(ended);
        var followUp = hasConversation ? FollowUps.GoOn : null;
        return verdict.Kind switch
        {
            VerdictKind.Succeeded => Collect(ended, new(AgentTaskStatus.Completed, null, ResultRule.Always)),
            VerdictKind.Budget => Collect(ended, new(AgentTaskStatus.Failed, verdict.Error, ResultRule.Always)),
            VerdictKind.UsageLimit => Hold(ended, report, verdict, agentSessionId, hasConversation, now),
            VerdictKind.Lost when !options.ResumeAfterLoss || failures >= AttemptsMax => Collect(ended, new(AgentTaskStatus.Interrupted, null, ResultRule.Partial)),
            VerdictKind.Lost => NextAttempt(ended, agentSessionId, followUp, now, now),
            VerdictKind.Infra when failures < AttemptsMax => NextAttempt(ended, agentSessionId, followUp, now + RetryDelay(failures), now),
            _ => Collect(ended, new(AgentTaskStatus.Failed, verdict.Error, ResultRule.WithCommits)),
        };
    }

    /// <summary>Git has said what there is: the planned end comes true, unless the agent has to be asked for what its result lacks.</summary>
    public static AgentTaskState WorkCollected(AgentTaskState state, WorkReport report, string agentSessionId, DateTimeOffset now)
    {
        if (state.Phase != AgentTaskPhase.Collecting || report.Session != state.Session(state.Facts.TaskId)) return state;
        var (plan, worktree) = (state.PlannedEnd!, state.Worktree!);
        if (report.IsLost) return End(state, AgentTaskStatus.Failed, null, TaskErrors.Lost(worktree), now);
        if (report.Failure is not null && plan.Status == AgentTaskStatus.Completed)
            return End(state, AgentTaskStatus.Failed, null, TaskErrors.Infra($"The work could not be collected: {report.Failure.Message}", worktree), now);
        var result = ResultOf(state, report, plan);
        if (plan.Status != AgentTaskStatus.Completed)
            return End(state, plan.Status, plan.Result != ResultRule.WithCommits || report.CommitCount > 0 ? result : null, plan.Error, now);
        var missing = ReportedMembers.Missing(state.Facts.AgentType, state.ReportedJson);
        var mayAsk = missing.Count > 0 && !state.HasAskedForMembers && state.Attempt.CanResume && now < state.DeadlineAt;
        if (mayAsk && !HasBudgetLeft(state)) return End(state, AgentTaskStatus.Failed, result, Exhausted(state, UsageOf(state)).Error, now);
        if (mayAsk) return NextAttempt(state with { HasAskedForMembers = true, PlannedEnd = null }, agentSessionId, FollowUps.AskFor(state.Facts.AgentType, missing), now, now);
        if (ReportedMembers.IsPlanUnclear(state.Facts.AgentType, state.ReportedJson))
            return End(state, AgentTaskStatus.Failed, result, TaskErrors.Unclear(ClarificationIn(state.ReportedJson!)), now);
        return missing.Count == 0
            ? End(state, AgentTaskStatus.Completed, result, null, now)
            : End(state, AgentTaskStatus.Failed, result, TaskErrors.Verification(state.Facts.AgentType, missing, worktree), now);
    }

    /// <summary>What was to be stopped is dead.</summary>
    private static AgentTaskState Stopped(AgentTaskState state, DateTimeOffset now)
    {
        // A cancelled task has its terminal state and its callback since it was cancelled; only its session was still there.
        if (state.Status == AgentTaskStatus.Cancelled) return state with { Phase = AgentTaskPhase.Ended };
        var plan = state.PlannedEnd!;
        return state.Worktree is null ? End(state, plan.Status, null, plan.Error, now) : Collect(state, plan);
    }

    private static AgentTaskState Collect(AgentTaskState state, PlannedEnd plan) => state with { Phase = AgentTaskPhase.Collecting, PlannedEnd = plan };

    /// <summary>Unless there is no budget for one.</summary>
    private static AgentTaskState NextAttempt(AgentTaskState state, string newSessionId, string? followUp, DateTimeOffset notBefore, DateTimeOffset now)
    {
        if (!HasBudgetLeft(state)) return Collect(state, Exhausted(state, UsageOf(state)));
        var last = state.Attempt;
        var isResume = followUp is not null && last.CanResume;
        return (state with
        {
            Phase = AgentTaskPhase.Running,
            Attempts = state.Attempts.Add(new AgentTaskAttempt
            {
                Run = state.Run,
                Number = last.Number + 1,
                IsResume = isResume,
                FollowUp = isResume ? followUp : null,
                AgentSessionId = isResume ? last.AgentSessionId : newSessionId,
                NotBefore = notBefore > now ? notBefore : null,
            }),
        }).Noting(now, "next_attempt", isResume ? "goes on with the conversation" : "starts anew in the same worktree");
    }

    private static TaskResult ResultOf(AgentTaskState state, WorkReport report, PlannedEnd plan) => new()
    {
        Branch = report.Branch ?? state.Worktree!.Branch,
        Commits = report.CommitCount,
        CommitDetails = report.Commits,
        Summary = state.Summary is { Length: > 0 } summary ? summary : Describe(report),
        PartialWork = plan.Result == ResultRule.Partial,
        CostUsd = UsageOf(state).CostUsd,
        ReportedJson = state.ReportedJson,
        Diff = report.Diff,
    };

    private static string Describe(WorkReport report) => report.CommitCount switch
    {
        0 => "The agent said nothing and committed nothing.",
        1 => $"The agent said nothing; its commit: {report.Commits[0].Message}",
        _ => $"The agent said nothing; its last of {report.CommitCount} commits: {report.Commits[^1].Message}",
    };

    private static string? ClarificationIn(string reportedJson)
    {
        using var reported = JsonDocument.Parse(reportedJson);
        return reported.RootElement.TryGetProperty("planning_unclear_clarification", out var text) && text.ValueKind == JsonValueKind.String ? text.GetString() : null;
    }

    private static string? MergeReported(string? earlier, string? later)
    {
        if (earlier is null || later is null) return later ?? earlier;
        var merged = JsonNode.Parse(earlier)!.AsObject();
        foreach (var (name, value) in JsonNode.Parse(later)!.AsObject()) merged[name] = value?.DeepClone();
        return merged.ToJsonString();
    }
}
