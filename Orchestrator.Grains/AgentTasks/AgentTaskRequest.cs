using System.Text.Json;
using Orchestrator.Contracts.AgentTasks;
using Orchestrator.Interfaces.AgentTasks;

namespace Orchestrator.Grains.AgentTasks;

/// <summary>The request as it came, validated: written once, apart from the small state that changes.</summary>
internal sealed record AgentTaskRequest
{
    public int SchemaVersion { get; init; } = 1;

    /// <summary>JSON of <see cref="TaskRequest"/>.</summary>
    public string Json { get; init; } = "";

    public static AgentTaskFacts FactsOf(AgentTaskSubmission submission, AgentTaskOptions options)
    {
        var request = JsonSerializer.Deserialize(submission.RequestJson, TaskRequestJsonContext.Default.TaskRequest)
            ?? throw new ArgumentException("The request is empty.", nameof(submission));
        return new()
        {
            TaskId = request.TaskId,
            RequestSha256 = submission.RequestSha256,
            WorkerType = request.WorkerType,
            Repository = request.Repository ?? options.DefaultRepository
                ?? throw new ArgumentException($"Task {request.TaskId} names no repository, and there is no default one.", nameof(submission)),
            BaseBranch = request.BaseBranch,
            ContinuationBranch = request.ContinuationPrBranch,
            WebhookUrl = request.WebhookUrl,
            WebhookSecret = request.WebhookSecret,
            AgentType = request.AgentType,
            Priority = request.Priority ?? 0,
            DependsOn = [.. request.DependsOn ?? []],
            TimeLimit = TimeLimitOf(request) ?? options.Timeout,
            CostUsdMax = request.Budget?.MaxCostUsd ?? options.CostUsdMax,
            TurnsMax = request.Budget?.MaxTurns ?? options.TurnsMax,
            TraceId = submission.TraceId,
        };
    }

    private static TimeSpan? TimeLimitOf(TaskRequest request) =>
        request.TimeoutSeconds is { } seconds ? TimeSpan.FromSeconds(seconds) : request.TimeoutHours is { } hours ? TimeSpan.FromHours(hours) : null;
}
