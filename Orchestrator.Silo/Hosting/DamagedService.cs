using System.Security.Cryptography;
using Orchestrator.Contracts.AgentTasks;
using Orchestrator.Silo.Agents;
using Orchestrator.Silo.Configuration;
using Orchestrator.Silo.Health;
using Orchestrator.Silo.Http;
using Orchestrator.Silo.Machines;

namespace Orchestrator.Silo.Hosting;

/// <summary>
/// What is served while the database is damaged: <c>/health</c> with the truth, 503 for everything else. Nothing is taken, started, stopped or written; agents that live go on, and the home stays locked,
/// so that no second service comes between (docs/adr/0008).
/// </summary>
internal static class DamagedService
{
    private static readonly string EpochId = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));

    /// <param name="settings">Those of the service that could not start.</param>
    public static WebApplication Create(OrchestratorSettings settings)
    {
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        builder.Logging.SetMinimumLevel(settings.Server.LogLevel);
        builder.Logging.AddFilter("Microsoft", LogLevel.Warning);
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => KestrelLimits.Apply(kestrel, settings.Server));
        settings.AddTo(builder.Services);
        builder.Services.AddHttpJson().AddSingleton(TimeProvider.System).AddSingleton<ServiceStatus>().AddAgents().AddSingleton<IWorkerAuths, InstalledWorkerAuths>();
        var web = builder.Build();
        web.Run(context => AnswerAsync(context, settings));
        return web;
    }

    private static Task AnswerAsync(HttpContext context, OrchestratorSettings settings) =>
        context.Request.Path == "/health" && (HttpMethods.IsGet(context.Request.Method) || HttpMethods.IsHead(context.Request.Method))
            ? TypedResults.Ok(Health(context.RequestServices, settings)).ExecuteAsync(context)
            : Problems.DatabaseCorrupt(settings.Home.DatabasePath).WriteAsync(context);

    private static HealthView Health(IServiceProvider services, OrchestratorSettings settings)
    {
        var (status, live) = (services.GetRequiredService<ServiceStatus>(), HomeContents.FindLiveSessions(settings.Home).Count);
        return new()
        {
            Status = "degraded",
            Capacity = settings.Capacity.SlotsMax,
            Running = live,
            Available = 0,
            Queued = 0,
            GithubTokenExpiresAt = null,
            AdmissionFrozen = true,
            PendingAdmissions = 0,
            AdmissionActivityTotal = 0,
            PendingTerminalCallbacks = 0,
            TerminalCallbackActivityTotal = 0,
            WorkerAuths = services.GetRequiredService<IWorkerAuths>().Get(),
            ProviderApiKeys = HealthReport.ReadProviderKeys(),
            DiskHealthy = true,
            LogForwarderDrain = new() { CounterEpochId = EpochId, ProcessStartedAt = status.StartedAt },
            Version = HealthReport.Version,
            UptimeSeconds = (long)status.Uptime.TotalSeconds,
            Checks =
            [
                new(DatabaseWrites.CheckName, false, "orchestrator.db is damaged, or no database. It was left as it is. Stop the service, run scripts/restore.sh, start it again."),
                new("home", live == 0, $"{live} sessions live; they are left alone"),
            ],
        };
    }
}
