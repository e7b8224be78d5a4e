using System.Buffers;
using System.Text.Json;
using Orchestrator.Contracts.AgentTasks;
using Orchestrator.Grains.AgentTasks;
using Orchestrator.Interfaces.AgentTasks;
using Orchestrator.Interfaces.Callbacks;

namespace Orchestrator.Silo.AgentTasks;

/// <summary>Turns what grains and catalog know into what is shown. Pure.</summary>
internal static class TaskViews
{
    /// <summary>The request as it was accepted.</summary>
    public static TaskRequest ReadRequest(AgentTaskSnapshot task) => JsonSerializer.Deserialize(task.RequestJson, TaskRequestJsonContext.Default.TaskRequest)
        ?? throw new InvalidOperationException("The stored request of a task is null.");

    public static TaskView ToView(AgentTaskSnapshot task)
    {
        return WithRequest(ReadRequest(task), task) with
        {
            Branch = task.Worktree?.Branch,
            WorktreePath = task.Worktree?.Path,
            TmuxSession = task.Terminal?.Name,
            Attach = task.Terminal?.AttachCommand,
            QueuePosition = task.QueuePosition,
            WaitingFor = task.WaitingFor,
            StartedAt = task.StartedAt,
            CompletedAt = task.CompletedAt,
            DeadlineAt = task.DeadlineAt,
            HeldUntil = task.HeldUntil,
            Result = task.Result is { } result ? ToJson(result) : null,
            Error = task.Error is { } error ? ToView(error) : null,
            DiffStat = task.Result?.Diff is { } diff ? new(diff.Files, diff.Insertions, diff.Deletions) : null,
        };
    }

    public static TaskSummary ToSummary(CatalogEntry entry) => new(
        entry.TaskId, WireNames.Of(entry.Status), WireNames.Of(entry.Phase), entry.WorkerType, entry.Repository, entry.Priority, entry.Run, entry.Attempt, entry.Branch,
        entry.ErrorCode, entry.CreatedAt, entry.StartedAt, entry.CompletedAt);

    /// <summary>The opposite of <see cref="WireNames.Of(AgentTaskStatus)"/>; null for a word that is no status.</summary>
    public static AgentTaskStatus? ParseStatus(string text)
    {
        foreach (var status in Enum.GetValues<AgentTaskStatus>())
            if (string.Equals(WireNames.Of(status), text, StringComparison.Ordinal)) return status;
        return null;
    }

    private static TaskView WithRequest(TaskRequest request, AgentTaskSnapshot task) => new()
    {
        TaskId = request.TaskId,
        Status = WireNames.Of(task.Status),
        Phase = WireNames.Of(task.Phase),
        WorkerType = request.WorkerType,
        Prompt = request.Prompt,
        Repository = task.Repository,
        BaseBranch = request.BaseBranch ?? task.Worktree?.BaseBranch,
        WebhookUrl = request.WebhookUrl,
        Environment = [.. (request.Environment?.Keys ?? []).Order(StringComparer.Ordinal)],
        LinearIssueId = request.LinearIssueId,
        LinearIssueTitle = request.LinearIssueTitle,
        LinearIssueUrl = request.LinearIssueUrl,
        LinearIssueLabels = request.LinearIssueLabels,
        Slug = request.Slug,
        ActionId = request.ActionId,
        HasChildren = request.HasChildren,
        RetriedFrom = request.RetriedFrom,
        TrackingCommentId = request.TrackingCommentId,
        AgentType = request.AgentType,
        PrNumber = request.PrNumber,
        ContinuationPrNumber = request.ContinuationPrNumber,
        ContinuationPrBranch = request.ContinuationPrBranch,
        ReviewTypes = request.ReviewTypes,
        TimeoutHours = request.TimeoutHours,
        TimeoutSeconds = request.TimeoutSeconds,
        SentryIssue = request.SentryIssue,
        ExecutionMemoryContext = request.ExecutionMemoryContext,
        Priority = task.NewPriority ?? request.Priority,
        DependsOn = request.DependsOn,
        Budget = request.Budget,
        TraceId = task.TraceId,
        CreatedAt = task.CreatedAt,
        Usage = ToView(task.Usage),
        Attempts = [.. task.Attempts.Select(ToView)],
        Callbacks = [.. task.Callbacks.Select(ToView)],
        Timeline = [.. task.Timeline.Select(entry => new TimelineView(entry.At, entry.Event, entry.Detail))],
    };

    private static TaskErrorView ToView(TaskError error) => new(
        error.Code, error.Message,
        new(error.Remediation.Action, error.Remediation.RetryAfterSeconds, error.Remediation.ManualSteps, error.Remediation.WorktreePath));

    private static UsageView ToView(AgentUsage usage) =>
        new(usage.InputTokens, usage.OutputTokens, usage.CacheReadTokens, usage.CacheWriteTokens, usage.CostUsd, usage.Turns, usage.CostUnknown);

    private static AttemptView ToView(AgentTaskAttempt attempt) => new(
        attempt.Run, attempt.Number, attempt.Agent, attempt.AgentSessionId, attempt.StartedAt, attempt.EndedAt, attempt.ExitCode, attempt.Outcome, ToView(attempt.Usage));

    private static CallbackView ToView(CallbackSnapshot callback) => new(
        callback.Id, callback.Kind,
        callback.State switch { CallbackState.Delivered => "delivered", CallbackState.Dead => "dead", _ => "owed" },
        [.. callback.Tries.Select(one => new CallbackTryView(one.At, one.Status, one.Error))], callback.NextTryAt);

    /// <summary>Our own members first, as in the callback; a reported one never takes their place.</summary>
    private static JsonElement ToJson(TaskResult result)
    {
        var bytes = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(bytes))
        {
            writer.WriteStartObject();
            writer.WriteString("branch", result.Branch);
            writer.WriteNumber("commits", result.Commits);
            writer.WriteString("summary", result.Summary);
            if (result.PartialWork) writer.WriteBoolean("partialWork", true);
            WriteCommits(writer, result.CommitDetails);
            if (result.CostUsd is { } cost) writer.WriteNumber("costUsd", cost);
            if (result.ReportedJson is { } reported) WriteReported(writer, reported);
            writer.WriteEndObject();
        }

        using var document = JsonDocument.Parse(bytes.WrittenMemory);
        return document.RootElement.Clone();
    }

    private static void WriteCommits(Utf8JsonWriter writer, IReadOnlyList<CommitDetail> commits)
    {
        if (commits.Count == 0) return;
        writer.WriteStartArray("commitDetails");
        foreach (var commit in commits)
        {
            writer.WriteStartObject();
            writer.WriteString("sha", commit.Sha);
            writer.WriteString("message", commit.Message);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
    }

    private static void WriteReported(Utf8JsonWriter writer, string json)
    {
        using var document = JsonDocument.Parse(json);
        foreach (var member in document.RootElement.EnumerateObject())
            if (member.Name is not ("branch" or "commits" or "summary" or "partialWork" or "commitDetails" or "costUsd")) member.WriteTo(writer);
    }
}
