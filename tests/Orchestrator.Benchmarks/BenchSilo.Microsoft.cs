using Orleans;
using Orleans.Hosting;
using Orleans.Runtime;

namespace Orchestrator.Benchmarks;

internal static class BenchSilo
{
    public const string Runtime = "Microsoft Orleans, memory storage";

    public static void Configure(ISiloBuilder silo, string databasePath) => silo
        .UseLocalhostClustering()
        .AddMemoryGrainStorage("bench")
        .UseInMemoryReminderService();

    /// <summary>How many grains are in memory.</summary>
    public static int Left(IServiceProvider services) =>
        services.GetRequiredService<IGrainFactory>().GetGrain<IManagementGrain>(0).GetTotalActivationCount().GetAwaiter().GetResult();
}
