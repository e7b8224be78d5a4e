using Microsoft.AspNetCore.Http.HttpResults;
using Orchestrator.Contracts.AgentTasks;
using Orchestrator.Interfaces.AgentTasks;
using Orchestrator.Silo.Access;
using Orchestrator.Silo.Http;
using Orleans;

namespace Orchestrator.Silo.AgentTasks;

/// <summary><c>POST /tasks/{id}/priority</c>: another place in the line.</summary>
internal static class PriorityEndpoint
{
    public static async Task<Results<Ok<PriorityAnswer>, ProblemResult>> SetAsync(string id, HttpContext context, IGrainFactory grains)
    {
        if (!context.Request.HasJsonContentType()) return Problems.UnsupportedMediaType();
        if (!TaskRequestRules.IsTaskId(id)) return Problems.TaskNotFound();
        var (priority, error) = Read(RequestBody.Of(context));
        if (priority is not { } wanted) return Problems.InvalidRequest(error!);
        var result = await grains.GetGrain<IAgentTaskGrain>(id).ReprioritizeAsync(wanted);
        return result.Outcome switch
        {
            PriorityOutcome.Changed => TypedResults.Ok(new PriorityAnswer(id, wanted, result.QueuePosition)),
            PriorityOutcome.AlreadyCompleted => Problems.TaskAlreadyCompleted(),
            _ => Problems.TaskNotFound(),
        };
    }

    private static (int? Priority, string? Error) Read(ReadOnlyMemory<byte> body)
    {
        var (document, error) = StrictJson.ParseObject(body);
        if (document is null) return (null, error);
        using (document)
        {
            var fields = new FieldReader(document.RootElement);
            if (fields.Int("priority", TaskRequestRules.PriorityMin, TaskRequestRules.PriorityMax) is { } priority) return (priority, null);
            return (null, $"Invalid field: priority {(fields.Errors.TryGetValue("priority", out var errors) ? errors[0] : "is required")}");
        }
    }
}
