using System.Collections.Immutable;
using System.Text.Json.Serialization;
using Orchestrator.Interfaces.AgentTasks;
using Orchestrator.Interfaces.Callbacks;
using Orchestrator.Interfaces.Machines;

namespace Orchestrator.Grains.AgentTasks;

/// <summary>What a task stores, apart from its request: all that changes in its life, and the facts of the request that its rules need. Immutable; times are UTC.</summary>
internal sealed record AgentTaskState
{
    public int SchemaVersion { get; init; } = 1;

    public AgentTaskFacts Facts { get; init; } = new();

    public AgentTaskStatus Status { get; init; } = AgentTaskStatus.Queued;

    public AgentTaskPhase Phase { get; init; } = AgentTaskPhase.Waiting;

    public DateTimeOffset CreatedAt { get; init; }

    public DateTimeOffset? StartedAt { get; init; }

    public DateTimeOffset? CompletedAt { get; init; }

    /// <summary>Set at the first grant of a slot.</summary>
    public DateTimeOffset? DeadlineAt { get; init; }

    /// <summary>When a blocked task asks again.</summary>
    public DateTimeOffset? BlockedUntil { get; init; }

    /// <summary>Dependencies that have not completed yet; while there are any, the task is blocked.</summary>
    public ImmutableArray<string> WaitsFor { get => field.IsDefault ? [] : field; init; } = [];

    /// <summary>Given after the request; null: the request's counts.</summary>
    public int? NewPriority { get; init; }

    /// <summary>Until when it is held by its account's usage limit; null when it is not.</summary>
    public DateTimeOffset? HeldUntil { get; init; }

    /// <summary>Since when it is held by a limit that does not say until when: a clock that was set back to before that ends the hold. Null: it says, or it is not held.</summary>
    public DateTimeOffset? HeldSince { get; init; }

    /// <summary>Since when its time limit does not run, because it was held and has no slot again yet; null while it runs.</summary>
    public DateTimeOffset? PausedSince { get; init; }

    /// <summary>Since when it waits in the line again, after it had a slot; null: since it was accepted.</summary>
    public DateTimeOffset? WaitingSince { get; init; }

    /// <summary>How long it had waited in the line before that.</summary>
    public TimeSpan WaitedBefore { get; init; }

    /// <summary>Since when the session that is being stopped showed no sign of life; null when it is stopped for another reason, or not stopped.</summary>
    public DateTimeOffset? StalledSince { get; init; }

    public int Run { get; init; } = 1;

    public ImmutableArray<AgentTaskAttempt> Attempts { get; init; } = [];

    public Worktree? Worktree { get; init; }

    public TerminalSession? Terminal { get; init; }

    /// <summary>How the run will end once its session is over and its work collected; null while that is open.</summary>
    public PlannedEnd? PlannedEnd { get; init; }

    /// <summary>The latest words of an agent.</summary>
    public string? Summary { get; init; }

    /// <summary>The result members that agents of this run reported: a JSON object.</summary>
    public string? ReportedJson { get; init; }

    /// <summary>Whether an agent was asked for members that it had not reported.</summary>
    public bool HasAskedForMembers { get; init; }

    public TaskResult? Result { get; init; }

    public TaskError? Error { get; init; }

    /// <summary>What is owed to the dispatcher, in order.</summary>
    public ImmutableArray<CallbackDebt> Callbacks { get; init; } = [];

    /// <summary>Whether the slot of an ended run was given back.</summary>
    public bool IsWoundUp { get; init; }

    /// <summary>Whether the worktree of an ended run was removed, or has let go of its branch.</summary>
    public bool IsWorktreeSettled { get; init; }

    /// <summary>Whether another task wants to go on with the branch of the kept worktree.</summary>
    public bool IsBranchWanted { get; init; }

    /// <summary>Why the kept worktree of an ended run shall go, for people; null: it stays as it is.</summary>
    public string? WorktreeReleasedFor { get; init; }

    /// <summary>When the worktree was removed; null: it was not.</summary>
    public DateTimeOffset? WorktreeRemovedAt { get; init; }

    /// <summary>Why the worktree could not be removed when that was tried last; null: it was not tried, or is being tried.</summary>
    public string? WorktreeProblem { get; init; }

    public ImmutableArray<TimelineEntry> Timeline { get; init; } = [];

    /// <summary>The running or last attempt. Only tasks that had a slot have one.</summary>
    [JsonIgnore]
    public AgentTaskAttempt Attempt => Attempts[^1];

    /// <summary>-100 to 100; higher goes first.</summary>
    [JsonIgnore]
    public int Priority => NewPriority ?? Facts.Priority;

    /// <summary>Whether the last attempt has not begun: what it starts with is decided, when is not.</summary>
    [JsonIgnore]
    public bool IsAttemptPending => !Attempts.IsEmpty && Attempt.Run == Run && Attempt is { StartedAt: null, EndedAt: null };

    /// <summary>The attempt that the next slot is for.</summary>
    [JsonIgnore]
    public int NextAttemptNumber => IsAttemptPending ? Attempt.Number : Attempts.LastOrDefault(attempt => attempt.Run == Run)?.Number + 1 ?? 1;

    public SessionName Session(string taskId) => new(taskId, Run, Attempts.IsEmpty ? 1 : Attempt.Number);
}

/// <summary>The facts of the request that the rules need.</summary>
internal sealed record AgentTaskFacts
{
    public string TaskId { get; init; } = "";

    /// <summary>Two requests of one task id are the same when this is.</summary>
    public string RequestSha256 { get; init; } = "";

    public string WorkerType { get; init; } = "";

    public string Repository { get; init; } = "";

    public string? BaseBranch { get; init; }

    public string? ContinuationBranch { get; init; }

    public string WebhookUrl { get; init; } = "";

    public string WebhookSecret { get; init; } = "";

    public string? AgentType { get; init; }

    public int Priority { get; init; }

    /// <summary>Tasks that have to complete first, in the request's order.</summary>
    public ImmutableArray<string> DependsOn { get => field.IsDefault ? [] : field; init; } = [];

    /// <summary>From the first slot on.</summary>
    public TimeSpan TimeLimit { get; init; }

    public double? CostUsdMax { get; init; }

    public int? TurnsMax { get; init; }

    public string? TraceId { get; init; }
}

/// <summary>How a run will end.</summary>
/// <param name="Status">Completed, failed or interrupted.</param>
/// <param name="Error">Why it failed; null unless it did.</param>
/// <param name="Result">When there is a result.</param>
internal sealed record PlannedEnd(AgentTaskStatus Status, TaskError? Error, ResultRule Result);

/// <summary>When an end has a result. The numbers are stored and never reused.</summary>
internal enum ResultRule
{
    /// <summary>Always.</summary>
    Always = 1,

    /// <summary>If there are commits.</summary>
    WithCommits = 2,

    /// <summary>Always, as partial work.</summary>
    Partial = 3,
}

/// <summary>A callback that is owed, and where it stands.</summary>
internal sealed record CallbackDebt(OwedCallback Callback, CallbackState State);
