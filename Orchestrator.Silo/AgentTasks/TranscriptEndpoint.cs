using Microsoft.AspNetCore.Http.HttpResults;
using Orchestrator.Interfaces.AgentTasks;
using Orchestrator.Silo.Configuration;
using Orchestrator.Silo.Http;
using Orleans;

namespace Orchestrator.Silo.AgentTasks;

/// <summary><c>GET /tasks/{id}/transcript</c>: what a person reads of all attempts, one after the other.</summary>
internal static class TranscriptEndpoint
{
    public static async Task<Results<TranscriptResult, TranscriptFollowResult, ProblemResult>> GetAsync(
        string id, IGrainFactory grains, OrchestratorHome home, TimeProvider clock, IHostApplicationLifetime lifetime, string? follow = null)
    {
        if (!TaskRequestRules.IsTaskId(id)) return Problems.TaskNotFound();
        if (follow is not (null or "" or "true" or "false")) return Problems.InvalidRequest("Invalid query: follow must be true or false");
        if (await grains.GetGrain<IAgentTaskGrain>(id).GetAsync() is not { } task) return Problems.TaskNotFound();
        if (follow == "true") return new TranscriptFollowResult(id, grains, home, clock, lifetime);
        return new TranscriptResult(new(home, id, task.Attempts));
    }
}
