using Orchestrator.Silo.Configuration;
using Orleans.Configuration;
using Orleans.Hosting;

namespace Orchestrator.Silo.Hosting;

/// <summary>
/// Hosts the grains on Microsoft Orleans with PostgreSQL, whose tables Orleans' own scripts have made. <c>ORCHESTRATOR_DATABASE</c> is the connection string.
/// Catalog and nonces need a PostgreSQL form of their own there, which is not built: the start stops at the first of them that is asked for.
/// </summary>
internal static class SiloHosting
{
    private const string Invariant = "Npgsql";
    private const string StorageName = "orchestrator";

    public static void AddSilo(this WebApplicationBuilder builder, OrchestratorHome home)
    {
        var database = builder.Configuration["ORCHESTRATOR_DATABASE"]
            ?? throw new InvalidOperationException("ORCHESTRATOR_DATABASE is not set: it is the connection string of the cluster's PostgreSQL database.");
        builder.Host.UseOrleans((_, silo) => silo
            .Configure<ClusterOptions>(options => options.ClusterId = options.ServiceId = "orchestrator")
            .UseAdoNetClustering(options => (options.Invariant, options.ConnectionString) = (Invariant, database))
            .AddAdoNetGrainStorage(StorageName, options => (options.Invariant, options.ConnectionString) = (Invariant, database))
            .UseAdoNetReminderService(options => (options.Invariant, options.ConnectionString) = (Invariant, database)));
    }
}
