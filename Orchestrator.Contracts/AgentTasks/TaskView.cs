using System.Text.Json;
using System.Text.Json.Serialization;

namespace Orchestrator.Contracts.AgentTasks;

/// <summary>
/// The answer to <c>GET /tasks/{id}</c>: everything that was sent (what was not sent is left out), except the webhook secret and the environment's values,
/// and where the task stands (what has not come yet is null). Times are UTC.
/// </summary>
public sealed record TaskView
{
    /// <summary>See <see cref="TaskRequest.TaskId"/>.</summary>
    public required string TaskId { get; init; }

    /// <summary><c>queued</c>, <c>running</c>, <c>completed</c>, <c>failed</c>, <c>interrupted</c> or <c>cancelled</c>.</summary>
    public required string Status { get; init; }

    /// <summary>Finer: <c>waiting</c>, <c>held</c>, <c>blocked</c>, <c>preparing</c>, <c>running</c>, <c>stopping</c>, <c>collecting</c> or <c>ended</c>.</summary>
    public required string Phase { get; init; }

    /// <summary>See <see cref="TaskRequest.WorkerType"/>.</summary>
    public required string WorkerType { get; init; }

    /// <summary>See <see cref="TaskRequest.Prompt"/>.</summary>
    public required string Prompt { get; init; }

    /// <summary><c>owner/name</c>, the default one filled in.</summary>
    public required string Repository { get; init; }

    /// <summary>What was sent; else the repository's default branch, once it is known.</summary>
    public string? BaseBranch { get; init; }

    /// <summary>See <see cref="TaskRequest.WebhookUrl"/>.</summary>
    public required string WebhookUrl { get; init; }

    /// <summary>The names of <see cref="TaskRequest.Environment"/>, sorted; empty when there are none.</summary>
    public required IReadOnlyList<string> Environment { get; init; }

    /// <summary>See <see cref="TaskRequest.LinearIssueId"/>.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? LinearIssueId { get; init; }

    /// <summary>See <see cref="TaskRequest.LinearIssueTitle"/>.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? LinearIssueTitle { get; init; }

    /// <summary>See <see cref="TaskRequest.LinearIssueUrl"/>.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? LinearIssueUrl { get; init; }

    /// <summary>See <see cref="TaskRequest.LinearIssueLabels"/>.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<string>? LinearIssueLabels { get; init; }

    /// <summary>See <see cref="TaskRequest.Slug"/>.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Slug { get; init; }

    /// <summary>See <see cref="TaskRequest.ActionId"/>.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? ActionId { get; init; }

    /// <summary>See <see cref="TaskRequest.HasChildren"/>.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public bool? HasChildren { get; init; }

    /// <summary>See <see cref="TaskRequest.RetriedFrom"/>.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? RetriedFrom { get; init; }

    /// <summary>See <see cref="TaskRequest.TrackingCommentId"/>.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? TrackingCommentId { get; init; }

    /// <summary>See <see cref="TaskRequest.AgentType"/>.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? AgentType { get; init; }

    /// <summary>See <see cref="TaskRequest.PrNumber"/>.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? PrNumber { get; init; }

    /// <summary>See <see cref="TaskRequest.ContinuationPrNumber"/>.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? ContinuationPrNumber { get; init; }

    /// <summary>See <see cref="TaskRequest.ContinuationPrBranch"/>.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? ContinuationPrBranch { get; init; }

    /// <summary>See <see cref="TaskRequest.ReviewTypes"/>.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<string>? ReviewTypes { get; init; }

    /// <summary>See <see cref="TaskRequest.TimeoutHours"/>.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? TimeoutHours { get; init; }

    /// <summary>See <see cref="TaskRequest.TimeoutSeconds"/>.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? TimeoutSeconds { get; init; }

    /// <summary>See <see cref="TaskRequest.SentryIssue"/>.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public JsonElement? SentryIssue { get; init; }

    /// <summary>See <see cref="TaskRequest.ExecutionMemoryContext"/>.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public JsonElement? ExecutionMemoryContext { get; init; }

    /// <summary>See <see cref="TaskRequest.Priority"/>; the last one that was given.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? Priority { get; init; }

    /// <summary>See <see cref="TaskRequest.DependsOn"/>.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<string>? DependsOn { get; init; }

    /// <summary>See <see cref="TaskRequest.Budget"/>.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public TaskBudget? Budget { get; init; }

    /// <summary>The caller's <c>X-Trace-Id</c>.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? TraceId { get; init; }

    /// <summary>The branch with the work.</summary>
    public string? Branch { get; init; }

    /// <summary>The worktree's folder.</summary>
    public string? WorktreePath { get; init; }

    /// <summary>The tmux session's name.</summary>
    public string? TmuxSession { get; init; }

    /// <summary>The command that shows the session.</summary>
    public string? Attach { get; init; }

    /// <summary>From 1 for the next one to get a slot.</summary>
    public int? QueuePosition { get; init; }

    /// <summary>What a queued task waits for, for people: <c>slot</c>, <c>paused</c>, <c>memory: 201 MB free, floor 256 MB</c>, <c>account claude until …</c>, <c>repository acme/web: 2 of 2</c>, <c>dependencies a, b</c> …</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? WaitingFor { get; init; }

    /// <summary>When it was accepted.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>The agent's first start.</summary>
    public DateTimeOffset? StartedAt { get; init; }

    /// <summary>When its run ended.</summary>
    public DateTimeOffset? CompletedAt { get; init; }

    /// <summary>When its time is over.</summary>
    public DateTimeOffset? DeadlineAt { get; init; }

    /// <summary>Until when it is held, because its account's usage limit is reached. Left out when it is not.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public DateTimeOffset? HeldUntil { get; init; }

    /// <summary>The members of the completion callback's <c>result</c>.</summary>
    public JsonElement? Result { get; init; }

    /// <summary>The completion callback's <c>error</c>.</summary>
    public TaskErrorView? Error { get; init; }

    /// <summary>What the work changes against its base.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public DiffStatView? DiffStat { get; init; }

    /// <summary>All attempts together.</summary>
    public required UsageView Usage { get; init; }

    /// <summary>Starts of the agent, in order.</summary>
    public required IReadOnlyList<AttemptView> Attempts { get; init; }

    /// <summary>What is owed to the dispatcher, in order.</summary>
    public required IReadOnlyList<CallbackView> Callbacks { get; init; }

    /// <summary>What happened, oldest first.</summary>
    public required IReadOnlyList<TimelineView> Timeline { get; init; }
}

/// <summary>Why a task failed.</summary>
/// <param name="Code">One of the contract's.</param>
/// <param name="Message">For people.</param>
/// <param name="Remediation">What to do.</param>
public sealed record TaskErrorView(string Code, string Message, RemediationView Remediation);

/// <summary>What to do about an error. What is null is left out.</summary>
/// <param name="Action"><c>retry</c>, <c>wait</c>, <c>fix_code</c>, <c>contact_support</c> or <c>retry_smaller</c>.</param>
/// <param name="RetryAfter">Seconds.</param>
/// <param name="ManualSteps">For people.</param>
/// <param name="WorktreePath">Where the work is.</param>
public sealed record RemediationView(
    string Action,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? RetryAfter,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? ManualSteps,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? WorktreePath);

/// <summary>How much a diff changes: files, lines added, lines removed.</summary>
public sealed record DiffStatView(int Files, int Insertions, int Deletions);

/// <summary>What an agent used.</summary>
/// <param name="InputTokens">Tokens read, without those from the cache.</param>
/// <param name="OutputTokens">Tokens written.</param>
/// <param name="CacheReadTokens">Tokens read from the cache.</param>
/// <param name="CacheWriteTokens">Tokens written to the cache.</param>
/// <param name="CostUsd">US dollars; null: unknown, because the agent did not say (yet). Never a guess.</param>
/// <param name="Turns">Turns of the agent.</param>
/// <param name="CostUnknown">True: an agent was killed before it said what it cost, so that <paramref name="CostUsd"/> is only what is known. Left out otherwise.</param>
public sealed record UsageView(
    long InputTokens, long OutputTokens, long CacheReadTokens, long CacheWriteTokens, double? CostUsd, int Turns,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] bool CostUnknown = false);

/// <summary>One start of an agent.</summary>
public sealed record AttemptView(
    int Run, int Number, string? Agent, string? AgentSessionId, DateTimeOffset? StartedAt, DateTimeOffset? EndedAt, int? ExitCode, string? Outcome, UsageView Usage);

/// <summary>A callback: <c>state</c> is <c>owed</c>, <c>delivered</c> or <c>dead</c>.</summary>
public sealed record CallbackView(string Id, string Kind, string State, IReadOnlyList<CallbackTryView> Tries, DateTimeOffset? NextTryAt);

/// <summary>One HTTP request of a callback.</summary>
public sealed record CallbackTryView(DateTimeOffset At, int? Status, string? Error);

/// <summary>Something that happened.</summary>
/// <param name="At">When.</param>
/// <param name="Event">What.</param>
/// <param name="Detail">For people; null: there is no more to say.</param>
public sealed record TimelineView(DateTimeOffset At, string Event, string? Detail);
