using Microsoft.AspNetCore.Http.HttpResults;
using Orchestrator.Contracts.AgentTasks;
using Orchestrator.Silo.Access;
using Orchestrator.Silo.Http;

namespace Orchestrator.Silo.Machines.Cleanup;

/// <summary>The routes by which people look after what is kept.</summary>
internal static class CleanupEndpoints
{
    public static void MapCleanup(this IEndpointRouteBuilder routes)
    {
        var admin = routes.MapGroup("/admin").WithTags("admin");
        admin.MapPost("/sweep", SweepAsync).WithAccess(AccessPolicy.Open);
        admin.MapGet("/leftovers", ListAsync).WithAccess(AccessPolicy.Open);
    }

    /// <summary>Sweeps at once. A caller who goes away does not end it.</summary>
    private static async Task<Results<Ok<SweepView>, ProblemResult>> SweepAsync(Sweeper sweeper, IHostApplicationLifetime lifetime, string? dryRun = null)
    {
        if (dryRun is not (null or "" or "true" or "false")) return Problems.InvalidRequest("Invalid query: dryRun must be true or false");
        return TypedResults.Ok(await sweeper.RunAsync(dryRun == "true", lifetime.ApplicationStopping));
    }

    private static async Task<Ok<LeftoversView>> ListAsync(Sweeper sweeper) => TypedResults.Ok(await sweeper.ListAsync());
}
