using System.Globalization;
using Orchestrator.Grains.Callbacks;
using Orchestrator.Interfaces.AgentTasks;
using Orchestrator.Interfaces.Callbacks;
using Orchestrator.Interfaces.Capacity;
using Orchestrator.Interfaces.Machines;

namespace Orchestrator.Grains.AgentTasks;

/// <summary>
/// The life of a task. Pure: state and event in, next state out; an event that does not fit the state changes nothing. What has to be done follows from the state alone
/// (<see cref="AgentTaskEffects"/>), so that after any crash the same effects are taken up again.
/// </summary>
internal static partial class AgentTaskTransitions
{
    /// <summary>Attempts of one run that may fail by what is neither the agent's nor the task's fault.</summary>
    public const int AttemptsMax = 3;

    /// <summary>How long a blocked task waits before it asks again for what another one has.</summary>
    public static readonly TimeSpan BlockedRetryDelay = TimeSpan.FromMinutes(1);

    private static readonly TimeSpan WorktreeRetryTime = TimeSpan.FromHours(1);
    private const int TimelineEntriesMax = 200;

    public static AgentTaskState Accept(AgentTaskFacts facts, DateTimeOffset now) =>
        BlockedBy(new AgentTaskState { Facts = facts, CreatedAt = now }.Noting(now, "accepted"), now);

    public static AgentTaskState SlotGranted(AgentTaskState state, Lease lease, string agentSessionId, DateTimeOffset now)
    {
        if (state.Phase != AgentTaskPhase.Waiting || lease.Run != state.Run) return state;
        state = state with { WaitedBefore = state.WaitedBefore + (now - (state.WaitingSince ?? state.CreatedAt)), WaitingSince = null };
        if (state.IsAttemptPending) return GoOn(state, now);
        return (state with
        {
            Status = AgentTaskStatus.Running,
            Phase = AgentTaskPhase.Preparing,
            DeadlineAt = state.DeadlineAt ?? now + state.Facts.TimeLimit,
            Attempts = state.Attempts.Add(new AgentTaskAttempt { Run = state.Run, Number = state.NextAttemptNumber, AgentSessionId = agentSessionId }),
        }).Noting(now, "slot_granted");
    }

    public static AgentTaskState WorktreePrepared(AgentTaskState state, WorktreeReport report, DateTimeOffset now)
    {
        if (report.Session != state.Session(state.Facts.TaskId)) return state;

        // Made at the very moment at which it was given up: it is there, and has to be looked after.
        if (state.Phase == AgentTaskPhase.Stopping && state.Worktree is null && report.Worktree is not null) return state with { Worktree = report.Worktree };
        if (state.Phase != AgentTaskPhase.Preparing) return state;
        if (report.BlockedBy is { } other) return Blocked(state, other, now);
        if (report.Worktree is null) return End(state, AgentTaskStatus.Failed, null, TaskErrors.Setup(report.Failure, null), now);
        return (state with { Phase = AgentTaskPhase.Running, Worktree = report.Worktree })
            .Noting(now, "worktree_ready", report.Note ?? $"{report.Worktree.Branch} at {report.Worktree.BaseSha}");
    }

    public static AgentTaskState SessionStarted(AgentTaskState state, SessionStartedReport report, DateTimeOffset now)
    {
        if (state.Phase is not (AgentTaskPhase.Running or AgentTaskPhase.Stopping) || report.Session != state.Session(state.Facts.TaskId)) return state;
        if (state.Attempt.StartedAt is not null) return state with { Terminal = report.Terminal };
        var attempt = state.Attempt with { StartedAt = report.StartedAt, Agent = report.Agent, CanResume = report.CanResume };
        return (state.WithAttempt(attempt) with { StartedAt = state.StartedAt ?? report.StartedAt, Terminal = report.Terminal })
            .Noting(now, "agent_started", $"attempt {attempt.Number}, {report.Agent}");
    }

    /// <summary>Ends the run as cancelled at once. What still runs is stopped behind it.</summary>
    public static (AgentTaskState Next, CancelResult Answer) Cancel(AgentTaskState state, DateTimeOffset now)
    {
        if (state.Phase == AgentTaskPhase.Ended) return (state, CancelResult.AlreadyCompleted);
        if (state.Status == AgentTaskStatus.Cancelled) return (state, CancelResult.Cancelled);
        var mayRun = state.Phase is AgentTaskPhase.Preparing or AgentTaskPhase.Running or AgentTaskPhase.Stopping;
        var next = End(state, AgentTaskStatus.Cancelled, null, null, now);
        return (mayRun ? next with { Phase = AgentTaskPhase.Stopping } : next, CancelResult.Cancelled);
    }

    /// <summary>The wall clock was set, or the machine slept, while the task was watched: what was to last so long does so, and only a time that the account itself has said stays as it is.</summary>
    public static AgentTaskState ClockSet(AgentTaskState state, TimeSpan step, DateTimeOffset now)
    {
        if (step == TimeSpan.Zero || state.Phase == AgentTaskPhase.Ended) return state;
        return (state with
        {
            DeadlineAt = state.DeadlineAt + step,
            BlockedUntil = state.BlockedUntil + step,
            PausedSince = state.PausedSince + step,
            WaitingSince = state.WaitingSince + step,
            WaitedBefore = state is { WaitingSince: null, Phase: AgentTaskPhase.Waiting or AgentTaskPhase.Blocked } ? state.WaitedBefore - step : state.WaitedBefore,
            HeldUntil = state.HeldSince is null ? state.HeldUntil : state.HeldUntil + step,
            HeldSince = state.HeldSince + step,
        }).Noting(now, "clock_set", string.Create(CultureInfo.InvariantCulture, $"by {step.TotalSeconds:+0;-0} s: its times move along"));
    }

    /// <summary>Compares the stored times with the clock.</summary>
    public static AgentTaskState TimePassed(AgentTaskState state, AgentTaskOptions options, DateTimeOffset now)
    {
        if (state.Phase is AgentTaskPhase.Waiting or AgentTaskPhase.Blocked && now >= QueueExpiresAt(state, options))
            return End(state, AgentTaskStatus.Failed, null, TaskErrors.Expired(options.QueueTtl, state.Phase == AgentTaskPhase.Waiting ? null : AgentTaskSnapshots.WaitingForOf(state)), now);
        if (!state.WaitsFor.IsEmpty) return state;
        // A time that is further away than it ever was is one from before the clock was set back.
        if (state.Phase == AgentTaskPhase.Blocked)
            return now < state.BlockedUntil && state.BlockedUntil - now <= BlockedRetryDelay ? state : state with { Phase = AgentTaskPhase.Waiting, BlockedUntil = null };
        if (state.Phase == AgentTaskPhase.Held) return now < state.HeldUntil - LineMargin && !(now < state.HeldSince) ? state : HoldIsOver(state, now);

        // An agent that is being stopped to be started again has no more time for that.
        var mayEnd = state.Phase is AgentTaskPhase.Preparing or AgentTaskPhase.Running || (state.Phase == AgentTaskPhase.Stopping && state.StalledSince is not null);
        if (!mayEnd || now < state.DeadlineAt) return state;
        var plan = new PlannedEnd(AgentTaskStatus.Interrupted, null, ResultRule.Partial);
        return (state with { Phase = AgentTaskPhase.Stopping, StalledSince = null, PlannedEnd = plan }).Noting(now, "time_limit", $"{state.Facts.TimeLimit.TotalHours:0.##} h are over");
    }

    public static AgentTaskState CallbackSettled(AgentTaskState state, string callbackId, CallbackState settled, DateTimeOffset now)
    {
        var debt = state.Callbacks.FirstOrDefault(debt => debt.Callback.Id == callbackId);
        if (debt is null || debt.State != CallbackState.Owed) return state;

        // Its text and secret have done their work; the callback grain keeps those of a dead letter.
        var done = new CallbackDebt(debt.Callback with { Body = "", Secret = "" }, settled);
        return (state with { Callbacks = state.Callbacks.Replace(debt, done) })
            .Noting(now, settled == CallbackState.Delivered ? "callback_delivered" : "callback_dead", debt.Callback.Kind);
    }

    /// <summary>The worktree of an ended run has let go of its branch, or cannot for now. After an hour it is left as it is.</summary>
    public static AgentTaskState WorktreeSettled(AgentTaskState state, string? problem, DateTimeOffset now)
    {
        if (state.Phase != AgentTaskPhase.Ended || state.IsWorktreeSettled) return state;
        if (problem is null) return state with { IsWorktreeSettled = true };
        return now - state.CompletedAt < WorktreeRetryTime ? state : (state with { IsWorktreeSettled = true }).NotingOnce(now, "worktree_left", problem);
    }

    /// <summary>The slot of an ended run is free.</summary>
    public static AgentTaskState WoundUp(AgentTaskState state) => state with { IsWoundUp = true };

    /// <summary>Back to before the slot: others may use it meanwhile, and the time limit has not begun.</summary>
    private static AgentTaskState Blocked(AgentTaskState state, string other, DateTimeOffset now) => (state with
    {
        Status = AgentTaskStatus.Queued,
        Phase = AgentTaskPhase.Blocked,
        BlockedUntil = now + BlockedRetryDelay,
        WaitingSince = now,
        DeadlineAt = null,
        Attempts = state.Attempts.RemoveAt(state.Attempts.Length - 1),
    }).Noting(now, "blocked", $"task {other} has the branch {state.Facts.ContinuationBranch}");

    /// <summary>The terminal state and the callback that it owes, at once.</summary>
    private static AgentTaskState End(AgentTaskState state, AgentTaskStatus status, TaskResult? result, TaskError? error, DateTimeOffset now)
    {
        var facts = state.Facts;
        var duration = state.StartedAt is { } startedAt ? Math.Max(0, (long)(now - startedAt).TotalMilliseconds) : 0;
        var body = CompletionPayload.Write(facts.TaskId, status, result, error, duration, isResumedCompletion: state.Run > 1);
        var callback = new OwedCallback($"{facts.TaskId}-r{state.Run}-completed", "completed", facts.WebhookUrl, body, facts.WebhookSecret, facts.TraceId);
        return (state with
        {
            Status = status,
            Phase = AgentTaskPhase.Ended,
            CompletedAt = now,
            PlannedEnd = null,
            StalledSince = null,
            HeldUntil = null,
            HeldSince = null,
            Result = result,
            Error = error,
            Callbacks = state.Callbacks.Add(new(callback, CallbackState.Owed)),
            IsWoundUp = false,
        }).Noting(now, WireNames.Of(status), error?.Code);
    }

    private static AgentTaskState WithAttempt(this AgentTaskState state, AgentTaskAttempt attempt) =>
        state with { Attempts = state.Attempts.SetItem(state.Attempts.Length - 1, attempt) };

    /// <summary>A long timeline loses its middle: how it began and what came last is what people look for.</summary>
    private static AgentTaskState Noting(this AgentTaskState state, DateTimeOffset now, string name, string? detail = null)
    {
        var timeline = state.Timeline.Length < TimelineEntriesMax ? state.Timeline : state.Timeline.RemoveAt(TimelineEntriesMax / 2);
        return state with { Timeline = timeline.Add(new(now, name, detail)) };
    }
}
