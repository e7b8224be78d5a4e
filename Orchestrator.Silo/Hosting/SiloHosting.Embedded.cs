using Orchestrator.EmbeddedSilo.Storage;
using Orchestrator.Grains;
using Orchestrator.Grains.AgentTasks;
using Orchestrator.Silo.Access;
using Orchestrator.Silo.Configuration;
using Orchestrator.Silo.Health;
using Orchestrator.Silo.Storage;
using Orleans.Hosting;

namespace Orchestrator.Silo.Hosting;

/// <summary>Hosts the grains in this process, on SQLite in the home; catalog and nonces are tables beside theirs.</summary>
internal static class SiloHosting
{
    /// <summary>A task's end is some 30 KiB with state, row and callback: room for more of them than can run.</summary>
    private const long ReserveBytes = 4L * 1024 * 1024;

    public static void AddSilo(this WebApplicationBuilder builder, OrchestratorHome home)
    {
        builder.Services.AddSingleton<IAgentTaskCatalog, SqliteAgentTaskCatalog>();
        builder.Services.AddSingleton<ITaskDependencies, SqliteTaskDependencies>();
        builder.Services.AddSingleton<INonces, SqliteNonces>();
        builder.Services.AddSingleton<IDatabaseProbe, SqliteDatabaseProbe>();
        AddWatched<DatabaseGuard>(builder.Services);
        AddWatched<DatabaseBackups>(builder.Services);
        AddWatched<HomeComparison>(builder.Services);
        builder.Services.Configure<GrainStateJsonOptions>(json => json.SerializerOptions.TypeInfoResolverChain.Insert(0, GrainStateJson.Resolver));
        builder.Host.UseOrleans((_, silo) => silo
            .UseSqlite(sqlite =>
            {
                sqlite.Path = home.DatabasePath;
                sqlite.ReserveBytes = ReserveBytes;
                sqlite.Schemas.Add(SqliteAgentTaskCatalog.Schema);
                sqlite.Schemas.Add(SqliteTaskDependencies.Schema);
                sqlite.Schemas.Add(SqliteNonces.Schema);
            })
            .AddSqliteGrainStorage(GrainStorageNames.Orchestrator)
            .UseSqliteReminderService()
            .AddStartupTask((services, cancellationToken) => services.GetRequiredService<StartupRecovery>().BeginAsync(cancellationToken)));
    }

    /// <summary>Whether a silo that does not start has a database that is damaged.</summary>
    public static bool IsDatabaseDamaged(Exception exception) => SqliteFault.In(exception) is { Kind: SqliteFaultKind.Corrupt };

    private static void AddWatched<T>(IServiceCollection services)
        where T : class, IHostedService, IHealthNotes => services.AddSingleton<T>().AddHostedService(provider => provider.GetRequiredService<T>())
            .AddSingleton<IHealthNotes>(provider => provider.GetRequiredService<T>());
}
