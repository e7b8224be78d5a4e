using System.Text.Json;
using Orchestrator.Contracts.AgentTasks;

namespace Orchestrator.Silo.AgentTasks;

/// <summary>What validation needs to know of this service.</summary>
/// <param name="WorkerTypes">Those that can be run here.</param>
/// <param name="IsEnvironmentAllowed">Whether a task's environment may have this name.</param>
/// <param name="HasDefaultRepository">Whether a task may leave its repository out.</param>
/// <param name="ExplainWebhookUrl">Why callbacks may not go to that URL; null: they may.</param>
internal sealed record TaskRequestContext(
    IReadOnlyList<string> WorkerTypes, Func<string, bool> IsEnvironmentAllowed, bool HasDefaultRepository, Func<string, string?> ExplainWebhookUrl)
{
    /// <summary>Which of these task ids no task has.</summary>
    public Func<IReadOnlyList<string>, IReadOnlyList<string>> FindUnknownTasks { get; init; } = _ => [];
}

/// <summary>A request, or all that is wrong with it.</summary>
/// <param name="Request">The known fields; null when something is wrong.</param>
/// <param name="Error">What is wrong, in one line; null when nothing is.</param>
/// <param name="Errors">By field; null when the body as a whole is wrong.</param>
/// <param name="TakenBefore">A request that only this service's present configuration does not take: it may have been taken before that changed. Null: none, or nothing is wrong.</param>
internal sealed record TaskRequestReading(
    TaskRequest? Request, string? Error = null, IReadOnlyDictionary<string, IReadOnlyList<string>>? Errors = null, TaskRequest? TakenBefore = null);

/// <summary>Reads the body of <c>POST /tasks</c> by the rules of contract §2. Pure.</summary>
internal static class TaskRequestValidation
{
    private const int SecondsMax = 12 * 3600;
    private const int UrlMax = 4096;
    private const int EnvironmentNamesMax = 100;
    private const int DependenciesMax = 50;
    private const int EnvironmentValueMax = 32 * 1024;

    public static TaskRequestReading Read(ReadOnlyMemory<byte> body, TaskRequestContext context)
    {
        var (document, error) = StrictJson.ParseObject(body);
        if (document is null) return new(null, error);
        using (document)
        {
            var fields = new FieldReader(document.RootElement);
            var request = ReadFields(fields, context);
            if (fields.Errors.Count == 0) return new(request);
            return new(null, $"Invalid {(fields.Errors.Count == 1 ? "field" : "fields")}: {string.Join("; ", fields.Errors.Select(field => $"{field.Key} {field.Value[0]}"))}", fields.Errors,
                fields.IsRightElsewhere ? request : null);
        }
    }

    private static TaskRequest ReadFields(FieldReader fields, TaskRequestContext context)
    {
        var request = new TaskRequest
        {
            TaskId = fields.Required("taskId", "1 to 128 of A-Z a-z 0-9 _ -, the first a letter or digit", TaskRequestRules.IsTaskId) ?? "",
            WorkerType = fields.Required("workerType") ?? "",
            Prompt = fields.Required("prompt", "text without U+0000", text => !text.Contains('\0'), TaskRequestRules.PromptBytesMax) ?? "",
            WebhookUrl = fields.Required("webhookUrl", "an http or https URL", TaskRequestRules.IsHttpUrl, UrlMax) ?? "",
            WebhookSecret = fields.Required("webhookSecret") ?? "",
            Repository = fields.Optional("repository", "owner/name, each 1 to 100 of A-Z a-z 0-9 . _ - and not only dots", TaskRequestRules.IsRepository),
            BaseBranch = fields.Optional("baseBranch", BranchRule, TaskRequestRules.IsBranch),
            LinearIssueId = fields.Optional("linearIssueId"),
            LinearIssueTitle = fields.Optional("linearIssueTitle"),
            LinearIssueUrl = fields.Optional("linearIssueUrl"),
            LinearIssueLabels = fields.Texts("linearIssueLabels"),
            Slug = fields.Optional("slug"),
            ActionId = fields.Optional("actionId"),
            HasChildren = fields.Bool("hasChildren"),
            RetriedFrom = fields.Optional("retriedFrom"),
            TrackingCommentId = fields.Optional("trackingCommentId"),
            AgentType = fields.Optional("agentType", "one of " + string.Join(", ", TaskRequestRules.AgentTypes), TaskRequestRules.AgentTypes.Contains),
            PrNumber = fields.Int("prNumber", 1, int.MaxValue),
            ContinuationPrNumber = fields.Int("continuationPrNumber", 1, int.MaxValue),
            ContinuationPrBranch = fields.Optional("continuationPrBranch", BranchRule, TaskRequestRules.IsBranch),
            ReviewTypes = fields.Texts("reviewTypes"),
            TimeoutHours = fields.Int("timeoutHours", 1, 12),
            TimeoutSeconds = fields.Int("timeoutSeconds", 1, SecondsMax),
            SentryIssue = fields.Object("sentryIssue"),
            ExecutionMemoryContext = fields.Object("executionMemoryContext"),
            Priority = fields.Int("priority", TaskRequestRules.PriorityMin, TaskRequestRules.PriorityMax),
            DependsOn = ReadDependencies(fields),
            Budget = ReadBudget(fields),
            Environment = ReadEnvironment(fields, context.IsEnvironmentAllowed),
        };
        CheckAgainst(context, request, fields);
        return request;
    }

    private const string BranchRule = "a branch name: 1 to 200 of A-Z a-z 0-9 . _ / -, the first a letter or digit, without .. // @{ .lock, not ending in / or .";

    private static IReadOnlyList<string>? ReadDependencies(FieldReader fields)
    {
        if (fields.Texts("dependsOn") is not { } ids) return null;
        if (ids.Count <= DependenciesMax && ids.All(TaskRequestRules.IsTaskId) && ids.Distinct(StringComparer.Ordinal).Count() == ids.Count) return ids;
        fields.Fail("dependsOn", $"must be a list of at most {DependenciesMax} task ids, none twice");
        return null;
    }

    /// <summary>Who depends only on tasks that were there before it can be in no circle.</summary>
    private static void CheckDependencies(TaskRequestContext context, TaskRequest request, FieldReader fields)
    {
        if (request.DependsOn is not { Count: > 0 } ids) return;
        if (ids.Contains(request.TaskId, StringComparer.Ordinal)) fields.Fail("dependsOn", "must not have the task itself");
        else if (context.FindUnknownTasks(ids) is { Count: > 0 } unknown) fields.FailHere("dependsOn", $"has tasks that are not known here: {string.Join(", ", unknown)}");
    }

    private static TaskBudget? ReadBudget(FieldReader fields)
    {
        if (fields.Object("budget") is not { } budget) return null;
        var members = new FieldReader(budget);
        var read = new TaskBudget { MaxCostUsd = members.Positive("maxCostUsd"), MaxTurns = members.Int("maxTurns", 1, int.MaxValue) };
        foreach (var (name, errors) in members.Errors) fields.Fail($"budget.{name}", errors[0]);
        return read;
    }

    private static SortedDictionary<string, string>? ReadEnvironment(FieldReader fields, Func<string, bool> isAllowed)
    {
        if (fields.Object("environment") is not { } environment) return null;
        var read = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var member in environment.EnumerateObject())
        {
            // Names that break a rule are shown, values never are.
            if (!TaskRequestRules.IsEnvironmentName(member.Name))
            {
                fields.Fail("environment", "has a name that is no name of an environment variable");
                continue;
            }

            if (!isAllowed(member.Name)) fields.FailHere("environment", $"{member.Name} is not in TASK_ENV_ALLOW");
            if (member.Value.ValueKind != JsonValueKind.String) fields.Fail("environment", $"{member.Name} must be a text");
            else if (member.Value.GetString() is { Length: <= EnvironmentValueMax } value && !value.Contains('\0')) read[member.Name] = value;
            else fields.Fail("environment", $"{member.Name} must have at most {EnvironmentValueMax} characters and no U+0000");
        }

        if (read.Count > EnvironmentNamesMax) fields.Fail("environment", $"must have at most {EnvironmentNamesMax} names");
        return read;
    }

    private static void CheckAgainst(TaskRequestContext context, TaskRequest request, FieldReader fields)
    {
        if (request.WorkerType.Length > 0 && !context.WorkerTypes.Contains(request.WorkerType))
        {
            fields.FailHere("workerType", context.WorkerTypes.Count == 0
                ? "is not known here: no agent is installed"
                : $"is not known here, or its program is not installed; known are {string.Join(", ", context.WorkerTypes)}");
        }

        if (request.WebhookUrl.Length > 0 && context.ExplainWebhookUrl(request.WebhookUrl) is { } reason) fields.FailHere("webhookUrl", reason);
        if (request.Repository is null && !context.HasDefaultRepository && !fields.Errors.ContainsKey("repository"))
            fields.FailHere("repository", "is required: no DEFAULT_REPOSITORY is configured");
        if (request is { TimeoutHours: not null, TimeoutSeconds: not null }) fields.Fail("timeoutSeconds", "stands instead of timeoutHours: send one of them");
        CheckDependencies(context, request, fields);
    }
}
