using Orchestrator.Interfaces.AgentTasks;
using Orchestrator.Interfaces.Machines;

namespace Orchestrator.Grains.AgentTasks;

/// <content>Accounts whose usage limit is reached: the task gives its slot back and waits for the reset. Nothing of that counts as an attempt or as its time.</content>
internal static partial class AgentTaskTransitions
{
    /// <summary>Holds of one run, at most: eight days of those that come every hour.</summary>
    public const int HoldsMax = 200;

    /// <summary>How long after the reset an agent is started again: clocks differ.</summary>
    public static readonly TimeSpan HoldMargin = TimeSpan.FromSeconds(60);

    /// <summary>How long before the end of its hold a task joins the line: the pool holds the account until the very moment, and then the older task goes first, not the quicker one.</summary>
    public static readonly TimeSpan LineMargin = TimeSpan.FromSeconds(5);

    /// <summary>For a limit that does not say when it ends: 5, 15, 45 minutes, then each hour.</summary>
    /// <param name="hold">The how-manieth in a row, from 1.</param>
    public static TimeSpan HoldDelay(int hold) => TimeSpan.FromMinutes(hold switch { <= 1 => 5, 2 => 15, 3 => 45, _ => 60 });

    /// <summary>When a task that waits has waited too long. What it waited before a hold counts, the hold does not.</summary>
    public static DateTimeOffset QueueExpiresAt(AgentTaskState state, AgentTaskOptions options) => (state.WaitingSince ?? state.CreatedAt) + options.QueueTtl - state.WaitedBefore;

    private static AgentTaskState Hold(AgentTaskState ended, SessionEndedReport report, SessionVerdict verdict, string agentSessionId, bool hasConversation, DateTimeOffset now)
    {
        if (now >= ended.DeadlineAt) return Collect(ended, new(AgentTaskStatus.Interrupted, null, ResultRule.Partial));
        if (ended.CountOf(AttemptOutcomes.UsageLimit) > HoldsMax) return Collect(ended, new(AgentTaskStatus.Failed, verdict.Error, ResultRule.WithCommits));
        var resetsAt = report.Report?.LimitResetsAt;
        var until = resetsAt is { } at ? at + HoldMargin : now + HoldDelay(UnfruitfulHolds(ended));
        var next = NextAttempt(ended, agentSessionId, hasConversation ? FollowUps.LimitIsOver : null, now, now);
        if (next.Phase != AgentTaskPhase.Running) return next;
        return (next with
        {
            Status = AgentTaskStatus.Queued,
            Phase = AgentTaskPhase.Held,
            HeldUntil = until,
            HeldSince = resetsAt is null ? now : null,
            PausedSince = report.EndedAt < now ? report.EndedAt : now,
        }).Noting(now, "held", $"until {until.UtcDateTime:yyyy-MM-dd'T'HH:mm:ss'Z'}: the account's usage limit is reached{(resetsAt is null ? ", and it does not say until when" : "")}");
    }

    /// <summary>A person knows better: the limit was lifted, or its end was misread.</summary>
    public static AgentTaskState EndHold(AgentTaskState state, DateTimeOffset now) => state.Phase == AgentTaskPhase.Held ? HoldIsOver(state, now, "by hand") : state;

    /// <summary>The hold is over: back to the line, with the age and the place that it had.</summary>
    private static AgentTaskState HoldIsOver(AgentTaskState state, DateTimeOffset now, string? how = null) =>
        (state with { Phase = AgentTaskPhase.Waiting, HeldUntil = null, HeldSince = null, WaitingSince = now }).Noting(now, "hold_over", how);

    /// <summary>A slot for an attempt that was planned before: worktree and conversation are there, and the time limit goes on.</summary>
    private static AgentTaskState GoOn(AgentTaskState state, DateTimeOffset now) => (state with
    {
        Status = AgentTaskStatus.Running,
        Phase = AgentTaskPhase.Running,
        DeadlineAt = state.DeadlineAt + (now - (state.PausedSince ?? now)),
        PausedSince = null,
    }).Noting(now, "slot_granted");

    /// <summary>Holds in a row between which the agent got nothing done, this one among them.</summary>
    private static int UnfruitfulHolds(AgentTaskState state)
    {
        var count = 0;
        for (var i = state.Attempts.Length - 1; i >= 0 && state.Attempts[i] is { Outcome: AttemptOutcomes.UsageLimit } attempt && attempt.Run == state.Run; i--)
        {
            count++;
            if (attempt.Usage.OutputTokens > 0) break;
        }

        return count;
    }
}
