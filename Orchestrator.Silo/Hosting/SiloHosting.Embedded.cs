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
    public static void AddSilo(this WebApplicationBuilder builder, OrchestratorHome home)
    {
        builder.Services.AddSingleton<IAgentTaskCatalog, SqliteAgentTaskCatalog>();
        builder.Services.AddSingleton<ITaskDependencies, SqliteTaskDependencies>();
        builder.Services.AddSingleton<INonces, SqliteNonces>();
        builder.Services.AddSingleton<IDatabaseProbe, SqliteDatabaseProbe>();
        builder.Services.Configure<GrainStateJsonOptions>(json => json.SerializerOptions.TypeInfoResolverChain.Insert(0, GrainStateJson.Resolver));
        builder.Host.UseOrleans((_, silo) => silo
            .UseSqlite(sqlite =>
            {
                sqlite.Path = home.DatabasePath;
                sqlite.Schemas.Add(SqliteAgentTaskCatalog.Schema);
                sqlite.Schemas.Add(SqliteTaskDependencies.Schema);
                sqlite.Schemas.Add(SqliteNonces.Schema);
            })
            .AddSqliteGrainStorage(GrainStorageNames.Orchestrator)
            .UseSqliteReminderService()
            .AddStartupTask((services, cancellationToken) => services.GetRequiredService<StartupRecovery>().BeginAsync(cancellationToken)));
    }
}
