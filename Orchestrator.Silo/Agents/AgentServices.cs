using Orchestrator.Grains.Capacity;

namespace Orchestrator.Silo.Agents;

/// <summary>Registers the agents table.</summary>
internal static class AgentServices
{
    /// <summary>Adds <see cref="IAgentTable"/> and <see cref="IAgentAccounts"/>. Needs <see cref="TimeProvider"/> and the options <see cref="Configuration.MachineOptions"/>.</summary>
    public static IServiceCollection AddAgents(this IServiceCollection services) =>
        services.AddSingleton(_ => ServiceEnvironment.Read()).AddSingleton<AgentTable>()
            .AddSingleton<IAgentTable>(provider => provider.GetRequiredService<AgentTable>()).AddSingleton<IAgentAccounts>(provider => provider.GetRequiredService<AgentTable>());
}
