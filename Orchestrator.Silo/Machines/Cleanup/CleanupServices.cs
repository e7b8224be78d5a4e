using Orchestrator.Silo.Health;
using Orchestrator.Silo.Machines.Git;

namespace Orchestrator.Silo.Machines.Cleanup;

/// <summary>Registers the sweep. Needs git, sessions, health and the catalog beside it.</summary>
internal static class CleanupServices
{
    public static IServiceCollection AddCleanup(this IServiceCollection services) => services
        .AddSingleton<KnownTasks>()
        .AddSingleton<FolderSize>()
        .AddSingleton<Leftovers>()
        .AddSingleton<WorktreeSweep>()
        .AddSingleton<SessionSweep>()
        .AddSingleton<MirrorMaintenance>()
        .AddSingleton<Sweeper>().AddSingleton<IHealthNotes>(provider => provider.GetRequiredService<Sweeper>())
        .AddHostedService<SweepService>();
}
