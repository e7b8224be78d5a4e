using Microsoft.AspNetCore.Http.HttpResults;
using Orchestrator.Contracts.AgentTasks;
using Orchestrator.Grains.AgentTasks;
using Orchestrator.Grains.Capacity;
using Orchestrator.Interfaces.AgentTasks;
using Orchestrator.Interfaces.Capacity;
using Orchestrator.Silo.Access;
using Orchestrator.Silo.Http;
using Orleans;

namespace Orchestrator.Silo.Health;

/// <summary>The routes of the service itself.</summary>
internal static class ServiceEndpoints
{
    public static void MapService(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/health", GetHealthAsync).WithAccess(AccessPolicy.None).WithTags("service");
        var admin = routes.MapGroup("/admin").WithTags("admin");
        admin.MapPost("/refresh-token", RefreshToken).WithAccess(AccessPolicy.Open);
        admin.MapPost("/pause", (IGrainFactory grains) => SetModeAsync(grains, PoolMode.Paused, "paused")).WithAccess(AccessPolicy.Open);
        admin.MapPost("/resume", (IGrainFactory grains) => SetModeAsync(grains, PoolMode.Open, "resumed")).WithAccess(AccessPolicy.Open);
        admin.MapPost("/drain", (IGrainFactory grains) => SetModeAsync(grains, PoolMode.Draining, "draining")).WithAccess(AccessPolicy.Open);
        admin.MapPost("/accounts/{account}/release", ReleaseAccountAsync).WithAccess(AccessPolicy.Open);
        admin.MapPost("/shutdown", ShutdownAsync).WithAccess(AccessPolicy.Open);
    }

    private static async Task<Ok<HealthView>> GetHealthAsync(HealthReport report) => TypedResults.Ok(await report.CreateAsync());

    private static ProblemResult RefreshToken() => Problems.NoGitHubApp();

    private static async Task<Ok<PoolAnswer>> SetModeAsync(IGrainFactory grains, PoolMode mode, string status)
    {
        var pool = await grains.GetGrain<ICapacityGrain>(Pools.Default).SetModeAsync(mode);
        return TypedResults.Ok(new PoolAnswer(status, pool.Leased, pool.Waiting + pool.Aside));
    }

    /// <summary>The tasks first: one that is still held would hold the account again.</summary>
    private static async Task<Results<Ok<AccountAnswer>, ProblemResult>> ReleaseAccountAsync(string account, IGrainFactory grains, IAgentTaskCatalog catalog, IAgentAccounts accounts)
    {
        var tasks = 0;
        foreach (var entry in catalog.ReadOpen().Where(entry => entry.Phase == AgentTaskPhase.Held && accounts.AccountOf(entry.WorkerType) == account))
            if (await grains.GetGrain<IAgentTaskGrain>(entry.TaskId).EndHoldAsync()) tasks++;
        var pool = grains.GetGrain<ICapacityGrain>(Pools.Default);
        var held = await pool.EndHoldAsync(account);
        if (held is null && tasks == 0) return Problems.AccountNotHeld(account, (await pool.GetAsync()).HeldAccounts.Select(other => other.Account));
        return TypedResults.Ok(new AccountAnswer("released", account, held?.Until, tasks));
    }

    private static async Task<Ok<ShutdownAnswer>> ShutdownAsync(ShutdownDrain drain) =>
        TypedResults.Ok(new ShutdownAnswer("shutting_down", await drain.BeginAsync()));
}
