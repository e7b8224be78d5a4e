using Microsoft.Extensions.DependencyInjection.Extensions;
using Orchestrator.Grains.Machines;
using Orchestrator.Silo.Machines.Cleanup;
using Orchestrator.Silo.Processes;

namespace Orchestrator.Silo.Machines.Git;

/// <summary>Registers git. Needs <c>OrchestratorHome</c>, <c>IOptions&lt;MachineOptions&gt;</c> and logging beside it.</summary>
internal static class GitServices
{
    public static IServiceCollection AddGit(this IServiceCollection services)
    {
        services.AddOptions<GitOptions>();
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton<ToolRunner>();
        return services
            .AddSingleton<Quarantine>()
            .AddSingleton<LiveSessions>()
            .AddSingleton<GitProgram>()
            .AddSingleton<GitIdentity>()
            .AddSingleton<GitLockFiles>()
            .AddSingleton<OrphanedGits>()
            .AddSingleton<MirrorSettings>()
            .AddSingleton<BranchRelease>()
            .AddSingleton<GitRepositories>()
            .AddSingleton<DefaultBranch>()
            .AddSingleton<WorktreeStart>()
            .AddSingleton<Salvage>()
            .AddSingleton<WorktreePreparation>()
            .AddSingleton<WorkCollection>()
            .AddSingleton<StrayWorktrees>()
            .AddSingleton<WorktreeSurvey>()
            .AddSingleton<IWorktrees, GitWorktrees>();
    }
}
