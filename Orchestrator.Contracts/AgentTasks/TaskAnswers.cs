using System.Text.Json.Serialization;

namespace Orchestrator.Contracts.AgentTasks;

/// <summary>A short answer about one task: <c>accepted</c> or <c>cancelled</c>.</summary>
public sealed record TaskStatusAnswer(string TaskId, string Status);

/// <summary>One page of tasks, newest first.</summary>
/// <param name="Tasks">The page.</param>
/// <param name="NextCursor">For <c>?after=</c>; null: this is the last page.</param>
public sealed record TaskPage(IReadOnlyList<TaskSummary> Tasks, string? NextCursor);

/// <summary>One line of a list. Null: not yet, or none.</summary>
public sealed record TaskSummary(
    string TaskId, string Status, string Phase, string WorkerType, string Repository, int Priority, int Run, int Attempt, string? Branch, string? ErrorCode,
    DateTimeOffset CreatedAt, DateTimeOffset? StartedAt, DateTimeOffset? CompletedAt);

/// <summary>The answer to <c>POST /admin/shutdown</c>.</summary>
public sealed record ShutdownAnswer(string Status, int RunningTasks);

/// <summary>The body of <c>POST /tasks/{id}/priority</c>.</summary>
/// <param name="Priority">-100 to 100; higher goes first.</param>
public sealed record PriorityRequest(int Priority);

/// <summary>The answer to <c>POST /tasks/{id}/priority</c>.</summary>
/// <param name="TaskId">The task.</param>
/// <param name="Priority">What it has now.</param>
/// <param name="QueuePosition">Its place in the line, from 1; null: it is not in the line.</param>
public sealed record PriorityAnswer(string TaskId, int Priority, int? QueuePosition);

/// <summary>The answer to <c>POST /admin/pause</c>, <c>/resume</c> and <c>/drain</c>.</summary>
/// <param name="Status"><c>paused</c>, <c>resumed</c> or <c>draining</c>.</param>
/// <param name="RunningTasks">How many run, and go on.</param>
/// <param name="QueuedTasks">How many wait.</param>
public sealed record PoolAnswer(string Status, int RunningTasks, int QueuedTasks);

/// <summary>The answer to <c>POST /admin/accounts/{account}/release</c>.</summary>
/// <param name="Status"><c>released</c>.</param>
/// <param name="Account">As <c>heldAccounts</c> of <c>/health</c> names it.</param>
/// <param name="HeldUntil">Until when it would have been held, UTC; null when only its tasks still were.</param>
/// <param name="Tasks">How many of its tasks were held, and are in the line again.</param>
public sealed record AccountAnswer(string Status, string Account, DateTimeOffset? HeldUntil, int Tasks);

/// <summary>Every error of the HTTP surface (RFC 9457), with the member <c>error</c> that existing clients show.</summary>
/// <param name="Type"><c>urn:orchestrator:problem:…</c>; never changes its meaning.</param>
/// <param name="Title">Fixed for the type.</param>
/// <param name="Status">The status code.</param>
/// <param name="Error">What clients show.</param>
/// <param name="Detail">For people, with numbers.</param>
/// <param name="Errors">What is wrong with each field of the request.</param>
public sealed record Problem(
    string Type, string Title, int Status, string Error,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Detail,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyDictionary<string, IReadOnlyList<string>>? Errors);
