using Orchestrator.EmbeddedSilo.Statistics;
using Orchestrator.EmbeddedSilo.Storage;
using Orleans.Hosting;

namespace Orchestrator.Benchmarks;

internal static class BenchSilo
{
    public const string Runtime = "embedded silo";

    public static void Configure(ISiloBuilder silo, string databasePath) => silo
        .UseSqlite(sqlite => sqlite.Path = databasePath)
        .AddSqliteGrainStorage("bench")
        .UseSqliteReminderService();

    /// <summary>How many grains are in memory.</summary>
    public static int Left(IServiceProvider services) => services.GetRequiredService<SiloStatistics>().ReadGrainTypes().Sum(type => type.Activations);
}
