using Microsoft.Extensions.DependencyInjection.Extensions;
using Orchestrator.Grains.Machines;
using Orchestrator.Silo.Machines.Terminals;
using Orchestrator.Silo.Processes;

namespace Orchestrator.Silo.Machines.Sessions;

/// <summary>Registers sessions and their terminals.</summary>
internal static class SessionServices
{
    /// <summary>
    /// Adds <see cref="ISessions"/>. Needs <see cref="Configuration.OrchestratorHome"/>, <see cref="Agents.IAgentTable"/> and the options
    /// <see cref="Configuration.MachineOptions"/>. Resolving it fails when the home's path is too long for sockets.
    /// </summary>
    public static IServiceCollection AddSessions(this IServiceCollection services)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton<ToolRunner>();
        services.AddOptions<SessionOptions>();
        return services
            .AddSingleton<TerminalSockets>()
            .AddSingleton<Tmux>()
            .AddSingleton<SessionViews>()
            .AddSingleton<SessionWatch>()
            .AddSingleton<SessionReports>()
            .AddSingleton<SessionPreparation>()
            .AddSingleton<SessionStarter>()
            .AddSingleton<ISessions, LocalSessions>();
    }
}
