using System.Globalization;
using Orchestrator.Interfaces.AgentTasks;
using Orchestrator.Interfaces.Machines;

namespace Orchestrator.Grains.AgentTasks;

/// <content>Agents that show no sign of life: stopped, and started again in the same conversation.</content>
internal static partial class AgentTaskTransitions
{
    /// <summary>How often an agent that showed no sign of life is started again inside one run.</summary>
    public const int StallResumesMax = 3;

    /// <summary>The session is stopped; what comes after its end is planned now, so that it follows from what is stored.</summary>
    public static AgentTaskState SessionStalled(AgentTaskState state, SessionName session, DateTimeOffset since, DateTimeOffset now)
    {
        if (state.Phase != AgentTaskPhase.Running || session != state.Session(state.Facts.TaskId) || state.Attempt.StartedAt is null) return state;
        var resumes = state.CountOf(AttemptOutcomes.Stalled);
        var plan = resumes < StallResumesMax ? null : new PlannedEnd(AgentTaskStatus.Failed, TaskErrors.Inactive(now - since, resumes, state.Worktree), ResultRule.WithCommits);
        var next = plan is null ? $"resume {resumes + 1} of {StallResumesMax}" : "no more resumes";
        return (state with { Phase = AgentTaskPhase.Stopping, StalledSince = since, PlannedEnd = plan })
            .Noting(now, "stalled", string.Create(CultureInfo.InvariantCulture, $"no sign of life for {(now - since).TotalMinutes:0.##} minutes; {next}"));
    }

    /// <summary>Whether a session that was being stopped for its silence ended for a reason of its own, which then counts: success above all.</summary>
    private static bool EndedByItself(AgentTaskState state, SessionEndedReport report, SessionVerdict verdict) => state.StalledSince is not null
        && (verdict.Kind == VerdictKind.Succeeded || (!report.WasStopped && verdict.Kind is not (VerdictKind.Infra or VerdictKind.Lost)));

    /// <summary>The silent session is dead.</summary>
    private static AgentTaskState AfterStall(AgentTaskState state, string agentSessionId, bool hasConversation, DateTimeOffset now)
    {
        var over = state with { StalledSince = null };
        return over.PlannedEnd is { } plan ? Collect(over, plan) : NextAttempt(over, agentSessionId, hasConversation ? FollowUps.Stalled : null, now, now);
    }
}
