using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;
using Orchestrator.Contracts.AgentTasks;
using Orchestrator.Grains.AgentTasks;
using Orchestrator.Interfaces.AgentTasks;
using Orchestrator.Silo.Access;
using Orchestrator.Silo.Http;
using Orleans;
using Orleans.Runtime;

namespace Orchestrator.Silo.AgentTasks;

/// <summary>The routes of tasks.</summary>
internal static class AgentTaskEndpoints
{
    private const int PageSize = 50;
    private const int PageSizeMax = 200;

    public static void MapAgentTasks(this IEndpointRouteBuilder routes)
    {
        var tasks = routes.MapGroup("/tasks").WithTags("tasks");
        tasks.MapPost("", SubmitAsync).WithAccess(AccessPolicy.Signed, takesBody: true).AddOpenApiOperationTransformer(DescribeBodyAsync<TaskRequest>);
        tasks.MapGet("", List).WithAccess(AccessPolicy.Open);
        tasks.MapGet("/{id}", GetAsync).WithAccess(AccessPolicy.Open);
        tasks.MapDelete("/{id}", CancelAsync).WithAccess(AccessPolicy.Open);
        tasks.MapPost("/{id}/priority", PriorityEndpoint.SetAsync).WithAccess(AccessPolicy.Open, takesBody: true).AddOpenApiOperationTransformer(DescribeBodyAsync<PriorityRequest>);
        tasks.MapGet("/{id}/transcript", TranscriptEndpoint.GetAsync).WithAccess(AccessPolicy.Open);
    }

    private static async Task<Results<Accepted<TaskStatusAnswer>, ProblemResult>> SubmitAsync(
        HttpContext context, TaskSubmissions submissions, IGrainFactory grains, CancellationToken cancellationToken)
    {
        if (!context.Request.HasJsonContentType()) return Problems.UnsupportedMediaType();
        if (context.Request.Headers.ContentEncoding is { Count: > 0 } encoding && !string.Equals(encoding, "identity", StringComparison.OrdinalIgnoreCase))
            return Problems.UnsupportedContentEncoding();
        var (reading, submission) = submissions.Read(RequestBody.Of(context), context.Request.Headers["X-Trace-Id"]);
        if (submission is null) return await AnswerInvalidAsync(reading, grains);

        var taskId = reading.Request!.TaskId;
        var result = await TrySubmitAsync(grains.GetGrain<IAgentTaskGrain>(taskId), submission, cancellationToken);
        if (result is null) return Problems.OutcomeUnknown();
        return result.Outcome switch
        {
            SubmitOutcome.Accepted => TypedResults.Accepted((string?)null, new TaskStatusAnswer(taskId, "accepted")),
            SubmitOutcome.Conflict => Problems.TaskIdTaken(result.Detail),
            _ => Problems.Refused(result.Refusal ?? throw new InvalidOperationException("A refusal without a reason.")),
        };
    }

    /// <summary>The same request again is accepted again, also when the configuration by which it was taken has changed since.</summary>
    private static async Task<Results<Accepted<TaskStatusAnswer>, ProblemResult>> AnswerInvalidAsync(TaskRequestReading reading, IGrainFactory grains)
    {
        var invalid = Problems.InvalidRequest(reading.Error!, reading.Errors);
        if (reading.TakenBefore is not { } request) return invalid;
        try
        {
            var task = await grains.GetGrain<IAgentTaskGrain>(request.TaskId).GetAsync();
            if (task is null || RequestFingerprint.Compute(TaskViews.ReadRequest(task)) != RequestFingerprint.Compute(request)) return invalid;
            return TypedResults.Accepted((string?)null, new TaskStatusAnswer(request.TaskId, "accepted"));
        }
        catch (OrleansException exception) when (exception is not SiloUnavailableException)
        {
            return Problems.OutcomeUnknown();
        }
    }

    /// <summary>Null when nobody knows whether the task was stored: the grain says "no" itself when it certainly was not.</summary>
    private static async Task<SubmitResult?> TrySubmitAsync(IAgentTaskGrain task, AgentTaskSubmission submission, CancellationToken cancellationToken)
    {
        try
        {
            return await task.SubmitAsync(submission, cancellationToken);
        }
        catch (OrleansException exception) when (exception is not SiloUnavailableException)
        {
            return null;
        }
    }

    private static async Task<Results<Ok<TaskView>, ProblemResult>> GetAsync(string id, IGrainFactory grains)
    {
        // An id that no task can have wakes no grain.
        if (!TaskRequestRules.IsTaskId(id)) return Problems.TaskNotFound();
        var task = await grains.GetGrain<IAgentTaskGrain>(id).GetAsync();
        return task is null ? Problems.TaskNotFound() : TypedResults.Ok(TaskViews.ToView(task));
    }

    private static async Task<Results<Ok<TaskStatusAnswer>, ProblemResult>> CancelAsync(string id, IGrainFactory grains)
    {
        if (!TaskRequestRules.IsTaskId(id)) return Problems.TaskNotFound();
        return await grains.GetGrain<IAgentTaskGrain>(id).CancelAsync() switch
        {
            CancelResult.Cancelled => TypedResults.Ok(new TaskStatusAnswer(id, "cancelled")),
            CancelResult.AlreadyCompleted => Problems.TaskAlreadyCompleted(),
            _ => Problems.TaskNotFound(),
        };
    }

    private static Results<Ok<TaskPage>, ProblemResult> List(
        IAgentTaskCatalog catalog, string? status = null, string? repository = null, string? limit = null, string? after = null)
    {
        var (query, errors) = ReadQuery(status, repository, limit, after);
        if (errors.Count > 0) return Problems.InvalidRequest($"Invalid query: {string.Join("; ", errors.Select(error => $"{error.Key} {error.Value[0]}"))}", errors);
        var page = catalog.ReadPage(query);
        return TypedResults.Ok(new TaskPage([.. page.Entries.Select(TaskViews.ToSummary)], page.NextCursor));
    }

    /// <summary>Said to the description alone: routing would answer another content type with 415 before the signature is looked at.</summary>
    private static async Task DescribeBodyAsync<TBody>(OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancellationToken) =>
        operation.RequestBody = new OpenApiRequestBody
        {
            Required = true,
            Content = new Dictionary<string, OpenApiMediaType>
            {
                ["application/json"] = new() { Schema = await context.GetOrCreateSchemaAsync(typeof(TBody), cancellationToken: cancellationToken) },
            },
        };

    private static (CatalogQuery Query, Dictionary<string, IReadOnlyList<string>> Errors) ReadQuery(string? status, string? repository, string? limit, string? after)
    {
        var errors = new Dictionary<string, IReadOnlyList<string>>(StringComparer.Ordinal);
        var wanted = string.IsNullOrEmpty(status) ? null : TaskViews.ParseStatus(status);
        if (wanted is null && !string.IsNullOrEmpty(status)) errors["status"] = ["must be queued, running, completed, failed, interrupted or cancelled"];
        if (!string.IsNullOrEmpty(repository) && !TaskRequestRules.IsRepository(repository)) errors["repository"] = ["must be owner/name"];
        var size = PageSize;
        if (!string.IsNullOrEmpty(limit) && (!int.TryParse(limit, System.Globalization.NumberStyles.None, null, out size) || size is < 1 or > PageSizeMax))
            errors["limit"] = [$"must be a whole number from 1 to {PageSizeMax}"];
        if (!string.IsNullOrEmpty(after) && !CatalogCursor.TryParse(after, out _)) errors["after"] = ["must be the nextCursor of an earlier page"];
        return (new(wanted, NullIfEmpty(repository), size, NullIfEmpty(after)), errors);
    }

    private static string? NullIfEmpty(string? text) => string.IsNullOrEmpty(text) ? null : text;
}
