using Orchestrator.Grains;
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

    public static void AddSilo(this WebApplicationBuilder builder, OrchestratorHome home)
    {
        var database = builder.Configuration["ORCHESTRATOR_DATABASE"]
            ?? throw new InvalidOperationException("ORCHESTRATOR_DATABASE is not set: it is the connection string of the cluster's PostgreSQL database.");
        builder.Host.UseOrleans((_, silo) => silo
            .Configure<ClusterOptions>(options => options.ClusterId = options.ServiceId = "orchestrator")
            .UseAdoNetClustering(options => (options.Invariant, options.ConnectionString) = (Invariant, database))
            .AddAdoNetGrainStorage(GrainStorageNames.Orchestrator, options => (options.Invariant, options.ConnectionString) = (Invariant, database))
            .UseAdoNetReminderService(options => (options.Invariant, options.ConnectionString) = (Invariant, database))
            .AddStartupTask((services, cancellationToken) => services.GetRequiredService<StartupRecovery>().BeginAsync(cancellationToken)));
    }

    /// <summary>Whether a silo that does not start has a database that is damaged: that is the database server's to know.</summary>
    public static bool IsDatabaseDamaged(Exception exception) => false;
}
