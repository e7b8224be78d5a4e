using Orchestrator.Interfaces.Callbacks;
using Orchestrator.Interfaces.Machines;
using Orleans;

namespace Orchestrator.Interfaces.AgentTasks;

/// <summary>Where a task stands, as the dispatcher sees it. The numbers are stored and never reused.</summary>
public enum AgentTaskStatus
{
    /// <summary>Waits for a slot.</summary>
    Queued = 1,

    /// <summary>Holds a slot.</summary>
    Running = 2,

    /// <summary>Ended well.</summary>
    Completed = 3,

    /// <summary>Ended with an error.</summary>
    Failed = 4,

    /// <summary>Stopped by us: time limit, or a machine that lost its session.</summary>
    Interrupted = 5,

    /// <summary>Stopped on demand.</summary>
    Cancelled = 6,
}

/// <summary>Where a task stands, finer. The numbers are stored and never reused.</summary>
public enum AgentTaskPhase
{
    /// <summary>In the waiting line.</summary>
    Waiting = 1,

    /// <summary>Waits for an account's usage limit to pass.</summary>
    Held = 2,

    /// <summary>Waits for another task.</summary>
    Blocked = 3,

    /// <summary>Its worktree is being made.</summary>
    Preparing = 4,

    /// <summary>An agent runs, is being started, or will be started again.</summary>
    Running = 5,

    /// <summary>Its session is being stopped.</summary>
    Stopping = 6,

    /// <summary>Its work is being collected.</summary>
    Collecting = 7,

    /// <summary>The run has ended and nothing of it runs.</summary>
    Ended = 8,
}

/// <summary>All that is shown of a task. Times are UTC; null times have not come yet.</summary>
[GenerateSerializer, Immutable]
public sealed record AgentTaskSnapshot
{
    /// <summary>The request: JSON of <c>Orchestrator.Contracts.AgentTasks.TaskRequest</c>, secret and values of the environment included: whoever shows it leaves these out.</summary>
    [Id(0)] public required string RequestJson { get; init; }

    /// <summary>Where it stands.</summary>
    [Id(1)] public required AgentTaskStatus Status { get; init; }

    /// <summary>Where it stands, finer.</summary>
    [Id(2)] public required AgentTaskPhase Phase { get; init; }

    /// <summary>The repository that it works on, the default one filled in.</summary>
    [Id(3)] public required string Repository { get; init; }

    /// <summary>The worktree; null before there is one.</summary>
    [Id(4)] public Worktree? Worktree { get; init; }

    /// <summary>The terminal session; null before there was one.</summary>
    [Id(5)] public TerminalSession? Terminal { get; init; }

    /// <summary>From 1 for the next one to get a slot; null when it does not wait.</summary>
    [Id(6)] public int? QueuePosition { get; init; }

    /// <summary>When it was accepted.</summary>
    [Id(7)] public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>When its agent first started.</summary>
    [Id(8)] public DateTimeOffset? StartedAt { get; init; }

    /// <summary>When its run ended.</summary>
    [Id(9)] public DateTimeOffset? CompletedAt { get; init; }

    /// <summary>When its time is over.</summary>
    [Id(10)] public DateTimeOffset? DeadlineAt { get; init; }

    /// <summary>What it brought; null when it ended without.</summary>
    [Id(11)] public TaskResult? Result { get; init; }

    /// <summary>Why it failed.</summary>
    [Id(12)] public TaskError? Error { get; init; }

    /// <summary>All attempts together.</summary>
    [Id(13)] public required AgentUsage Usage { get; init; }

    /// <summary>In the order of their starts.</summary>
    [Id(14)] public required IReadOnlyList<AgentTaskAttempt> Attempts { get; init; }

    /// <summary>What is owed to the dispatcher, in order.</summary>
    [Id(15)] public required IReadOnlyList<CallbackSnapshot> Callbacks { get; init; }

    /// <summary>What happened, oldest first; a long one lacks its middle.</summary>
    [Id(16)] public required IReadOnlyList<TimelineEntry> Timeline { get; init; }

    /// <summary>The caller's trace id.</summary>
    [Id(17)] public string? TraceId { get; init; }

    /// <summary>Until when it is held, because its account's usage limit is reached; null when it is not.</summary>
    [Id(18)] public DateTimeOffset? HeldUntil { get; init; }

    /// <summary>For people, while it waits: <c>slot</c>, <c>paused</c>, <c>dependencies a, b</c> …; null when it does not.</summary>
    [Id(30)] public string? WaitingFor { get; init; }

    /// <summary>Given after the request; null: the request's counts.</summary>
    [Id(31)] public int? NewPriority { get; init; }
}

/// <summary>One start of an agent inside a run.</summary>
[GenerateSerializer, Immutable]
public sealed record AgentTaskAttempt
{
    /// <summary>The run, from 1.</summary>
    [Id(0)] public required int Run { get; init; }

    /// <summary>Within the run, from 1.</summary>
    [Id(1)] public required int Number { get; init; }

    /// <summary>The agent's name in the agents table, such as <c>claude</c>.</summary>
    [Id(2)] public string? Agent { get; init; }

    /// <summary>The agent's own session id, by which it can be resumed.</summary>
    [Id(3)] public string? AgentSessionId { get; init; }

    /// <summary>Whether this attempt resumed the conversation of an earlier one.</summary>
    [Id(4)] public bool IsResume { get; init; }

    /// <summary>What is said to the agent instead of the task's prompt; null: the prompt.</summary>
    [Id(5)] public string? FollowUp { get; init; }

    /// <summary>Whether the agent could be resumed.</summary>
    [Id(6)] public bool CanResume { get; init; }

    /// <summary>Not to be started before this; null: at once.</summary>
    [Id(7)] public DateTimeOffset? NotBefore { get; init; }

    /// <summary>When the agent started.</summary>
    [Id(8)] public DateTimeOffset? StartedAt { get; init; }

    /// <summary>When it ended.</summary>
    [Id(9)] public DateTimeOffset? EndedAt { get; init; }

    /// <summary>Its exit code; null when a signal ended it.</summary>
    [Id(10)] public int? ExitCode { get; init; }

    /// <summary>How it ended: <c>succeeded</c>, <c>lost</c>, <c>stopped</c>, <c>stalled</c>, <c>usage_limit</c>, or a code of a task's error; null while it runs.</summary>
    [Id(11)] public string? Outcome { get; init; }

    /// <summary>What it used.</summary>
    [Id(12)] public AgentUsage Usage { get; init; } = AgentUsage.None;
}

/// <summary>What an agent used.</summary>
/// <param name="InputTokens">Tokens that were no cache hits.</param>
/// <param name="OutputTokens">Tokens written.</param>
/// <param name="CacheReadTokens">Tokens read from the cache.</param>
/// <param name="CacheWriteTokens">Tokens written to the cache.</param>
/// <param name="CostUsd">US dollars, as the agent reports it; null when it does not say.</param>
/// <param name="Turns">Turns, as the agent counts them.</param>
/// <param name="CostUnknown">Whether some of it cost what nobody can say, because its agent was killed before it said so: <paramref name="CostUsd"/> is what is known.</param>
[GenerateSerializer, Immutable]
public sealed record AgentUsage(long InputTokens, long OutputTokens, long CacheReadTokens, long CacheWriteTokens, double? CostUsd, int Turns, bool CostUnknown = false)
{
    /// <summary>Nothing.</summary>
    public static AgentUsage None { get; } = new(0, 0, 0, 0, null, 0);

    /// <summary>Both together.</summary>
    public AgentUsage Plus(AgentUsage other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return new(
            InputTokens + other.InputTokens, OutputTokens + other.OutputTokens, CacheReadTokens + other.CacheReadTokens, CacheWriteTokens + other.CacheWriteTokens,
            CostUsd is null ? other.CostUsd : CostUsd + (other.CostUsd ?? 0), Turns + other.Turns, CostUnknown || other.CostUnknown);
    }
}

/// <summary>Something that happened to a task.</summary>
/// <param name="At">UTC.</param>
/// <param name="Event">A short name, such as <c>accepted</c>.</param>
/// <param name="Detail">For people; null when the name says it all.</param>
[GenerateSerializer, Immutable]
public sealed record TimelineEntry(DateTimeOffset At, string Event, string? Detail = null);

/// <summary>What a task brought. Branch and commits come from git; the rest from what the agent reported.</summary>
[GenerateSerializer, Immutable]
public sealed record TaskResult
{
    /// <summary>The branch with the work.</summary>
    [Id(0)] public required string Branch { get; init; }

    /// <summary>Number of commits beyond the base.</summary>
    [Id(1)] public required int Commits { get; init; }

    /// <summary>In the agent's words, or ours when it said nothing.</summary>
    [Id(2)] public required string Summary { get; init; }

    /// <summary>Commits beyond the base, oldest first; at most 100.</summary>
    [Id(3)] public IReadOnlyList<CommitDetail> CommitDetails { get; init; } = [];

    /// <summary>Whether the work was cut short.</summary>
    [Id(4)] public bool PartialWork { get; init; }

    /// <summary>US dollars over all attempts of the run; null when unknown.</summary>
    [Id(5)] public double? CostUsd { get; init; }

    /// <summary>A JSON object with the members that the agent reported, allowed and typed (<c>prUrl</c> among them); null when there are none.</summary>
    [Id(6)] public string? ReportedJson { get; init; }

    /// <summary>Files changed, lines added and removed against the base; null when it could not be counted.</summary>
    [Id(7)] public DiffStat? Diff { get; init; }
}

/// <summary>One commit.</summary>
/// <param name="Sha">40 hex digits.</param>
/// <param name="Message">Its subject line, at most 500 characters.</param>
[GenerateSerializer, Immutable]
public sealed record CommitDetail(string Sha, string Message);

/// <summary>How much a diff changes.</summary>
/// <param name="Files">Files changed.</param>
/// <param name="Insertions">Lines added.</param>
/// <param name="Deletions">Lines removed.</param>
[GenerateSerializer, Immutable]
public sealed record DiffStat(int Files, int Insertions, int Deletions);

/// <summary>Why a task failed.</summary>
/// <param name="Code">One of the contract's, such as <c>SETUP_FAILED</c>; never changes its meaning.</param>
/// <param name="Message">For people.</param>
/// <param name="Remediation">What to do.</param>
[GenerateSerializer, Immutable]
public sealed record TaskError(string Code, string Message, Remediation Remediation);

/// <summary>What to do about an error.</summary>
/// <param name="Action"><c>retry</c>, <c>wait</c>, <c>fix_code</c>, <c>contact_support</c> or <c>retry_smaller</c>.</param>
/// <param name="RetryAfterSeconds">When a retry makes sense; null: any time.</param>
/// <param name="ManualSteps">For people; null: none.</param>
/// <param name="WorktreePath">Where the work is; null: nowhere.</param>
[GenerateSerializer, Immutable]
public sealed record Remediation(string Action, int? RetryAfterSeconds = null, string? ManualSteps = null, string? WorktreePath = null);
