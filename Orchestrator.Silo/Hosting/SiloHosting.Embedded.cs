using Orchestrator.EmbeddedSilo.Storage;
using Orchestrator.Grains.AgentTasks;
using Orchestrator.Silo.Access;
using Orchestrator.Silo.Configuration;
using Orchestrator.Silo.Storage;

namespace Orchestrator.Silo.Hosting;

/// <summary>Hosts the grains in this process, on SQLite in the home; catalog and nonces are tables beside theirs.</summary>
internal static class SiloHosting
{
    private const string StorageName = "orchestrator";

    public static void AddSilo(this WebApplicationBuilder builder, OrchestratorHome home)
    {
        builder.Services.AddSingleton<IAgentTaskCatalog, SqliteAgentTaskCatalog>();
        builder.Services.AddSingleton<INonces, SqliteNonces>();
        builder.Host.UseOrleans((_, silo) => silo
            .UseSqlite(sqlite =>
            {
                sqlite.Path = home.DatabasePath;
                sqlite.Schemas.Add(SqliteAgentTaskCatalog.Schema);
                sqlite.Schemas.Add(SqliteNonces.Schema);
            })
            .AddSqliteGrainStorage(StorageName)
            .UseSqliteReminderService());
    }
}
