using System.Text.Json;
using System.Text.Json.Serialization;

namespace Orchestrator.Contracts.AgentTasks;

/// <summary>
/// The body of <c>POST /tasks</c>: the known fields, validated. Unknown fields are ignored. Null means that the field was not sent; an empty text of an optional
/// field counts as not sent. Beside what is said of each field, a text has at most 20,000 bytes of UTF-8 (<see cref="WebhookUrl"/> 4,096), a list at most 1,000 items.
/// </summary>
public sealed record TaskRequest
{
    /// <summary>Unique for ever: <c>^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$</c>.</summary>
    public required string TaskId { get; init; }

    /// <summary>A row of the agents table, such as <c>opus</c> or <c>script</c>.</summary>
    public required string WorkerType { get; init; }

    /// <summary>What the agent is asked to do: at most 256 KiB of UTF-8, without U+0000, handed over byte for byte.</summary>
    public required string Prompt { get; init; }

    /// <summary>Where the completion callback goes: http or https.</summary>
    public required string WebhookUrl { get; init; }

    /// <summary>Signs the callbacks of this task. Never shown, never logged.</summary>
    public required string WebhookSecret { get; init; }

    /// <summary><c>owner/name</c>; null means the configured default repository.</summary>
    public string? Repository { get; init; }

    /// <summary>The branch that the work starts from; null means the repository's default branch.</summary>
    public string? BaseBranch { get; init; }

    /// <summary>Passed through to the agent.</summary>
    public string? LinearIssueId { get; init; }

    /// <summary>Passed through to the agent.</summary>
    public string? LinearIssueTitle { get; init; }

    /// <summary>Passed through to the agent.</summary>
    public string? LinearIssueUrl { get; init; }

    /// <summary>Passed through to the agent.</summary>
    public IReadOnlyList<string>? LinearIssueLabels { get; init; }

    /// <summary>Passed through to the agent.</summary>
    public string? Slug { get; init; }

    /// <summary>Passed through to the agent.</summary>
    public string? ActionId { get; init; }

    /// <summary>Passed through to the agent.</summary>
    public bool? HasChildren { get; init; }

    /// <summary>The task that this one repeats; passed through.</summary>
    public string? RetriedFrom { get; init; }

    /// <summary>Passed through to the agent.</summary>
    public string? TrackingCommentId { get; init; }

    /// <summary>
    /// <c>planning</c>, <c>execution</c>, <c>pull_request</c>, <c>review</c>, <c>remediation</c>, <c>ask_agent</c> or <c>sentry</c>: decides which members the
    /// result must carry. Null: none.
    /// </summary>
    public string? AgentType { get; init; }

    /// <summary>Passed through to the agent; more than 0.</summary>
    public int? PrNumber { get; init; }

    /// <summary>The pull request whose branch the work goes on; more than 0.</summary>
    public int? ContinuationPrNumber { get; init; }

    /// <summary>The existing branch that the work goes on.</summary>
    public string? ContinuationPrBranch { get; init; }

    /// <summary>Passed through to the agent.</summary>
    public IReadOnlyList<string>? ReviewTypes { get; init; }

    /// <summary>Time limit in hours, 1 to 12; null means the configured one.</summary>
    public int? TimeoutHours { get; init; }

    /// <summary>Time limit in seconds, more than 0 and at most 12 hours, instead of <see cref="TimeoutHours"/>.</summary>
    public int? TimeoutSeconds { get; init; }

    /// <summary>A JSON object, handed to the agent.</summary>
    public JsonElement? SentryIssue { get; init; }

    /// <summary>A JSON object, handed to the agent; no part of what makes two requests the same.</summary>
    public JsonElement? ExecutionMemoryContext { get; init; }

    /// <summary>-100 to 100; higher goes first. Null means 0.</summary>
    public int? Priority { get; init; }

    /// <summary>Task ids that must have completed first.</summary>
    public IReadOnlyList<string>? DependsOn { get; init; }

    /// <summary>Limits over all attempts of a run.</summary>
    public TaskBudget? Budget { get; init; }

    /// <summary>Extra environment of the agent. At most 100 names, each in <c>TASK_ENV_ALLOW</c>; values have at most 32,768 characters, none of them U+0000, and are never shown.</summary>
    public IReadOnlyDictionary<string, string>? Environment { get; init; }
}

/// <summary>What a task may cost.</summary>
public sealed record TaskBudget
{
    /// <summary>US dollars, more than 0; null means no limit.</summary>
    public double? MaxCostUsd { get; init; }

    /// <summary>Turns of the agent, more than 0; null means no limit.</summary>
    public int? MaxTurns { get; init; }
}

/// <summary>Reads and writes the wire types, in camelCase; null members are left out.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(TaskRequest))]
public sealed partial class TaskRequestJsonContext : JsonSerializerContext;
