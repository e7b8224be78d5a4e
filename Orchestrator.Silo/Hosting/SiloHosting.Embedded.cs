using Orchestrator.EmbeddedSilo.Storage;

namespace Orchestrator.Silo.Hosting;

/// <summary>Hosts the grains in this process, on SQLite in <c>ORCHESTRATOR_HOME</c> (default <c>~/.orchestrator</c>).</summary>
internal static class SiloHosting
{
    private const string StorageName = "orchestrator";

    public static void AddSilo(this WebApplicationBuilder builder)
    {
        var home = builder.Configuration["ORCHESTRATOR_HOME"]
            ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".orchestrator");
        Directory.CreateDirectory(home);
        builder.Host.UseOrleans((_, silo) => silo
            .UseSqlite(sqlite => sqlite.Path = Path.Combine(home, "orchestrator.db"))
            .AddSqliteGrainStorage(StorageName)
            .UseSqliteReminderService());
    }
}
