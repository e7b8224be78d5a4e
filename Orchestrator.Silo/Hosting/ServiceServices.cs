using Orchestrator.Contracts.AgentTasks;
using Orchestrator.Grains.Capacity;
using Orchestrator.Silo.Access;
using Orchestrator.Silo.AgentTasks;
using Orchestrator.Silo.Callbacks;
using Orchestrator.Silo.Health;
using Orchestrator.Silo.Processes;

namespace Orchestrator.Silo.Hosting;

/// <summary>What the HTTP surface is made of.</summary>
internal static class ServiceServices
{
    public static IServiceCollection AddHttpSurface(this IServiceCollection services)
    {
        services.AddSingleton(TimeProvider.System);
        services.AddSingleton<DispatchSignature>();
        services.AddSingleton<TaskSubmissions>();
        services.AddSingleton<IWebhookUrlRule, PublicWebhookUrl>();
        services.ConfigureHttpJsonOptions(json =>
        {
            json.SerializerOptions.TypeInfoResolverChain.Insert(0, AnswerJsonContext.Default);
            json.SerializerOptions.Converters.Add(new UtcMillisecondsConverter());
        });
        return services.AddOpenApi();
    }

    public static IServiceCollection AddHealth(this IServiceCollection services)
    {
        services.AddSingleton<ServiceStatus>();
        services.AddSingleton<AdmissionGate>().AddSingleton<IAdmissionGate>(provider => provider.GetRequiredService<AdmissionGate>());
        services.AddSingleton<ToolRunner>();
        services.AddSingleton<DatabaseWrites>();
        services.AddSingleton<HealthFigures>();
        services.AddSingleton<MachineChecks>().AddHostedService(provider => provider.GetRequiredService<MachineChecks>());
        services.AddSingleton<IWorkerAuths, InstalledWorkerAuths>();
        services.AddSingleton<IMachineMemory, MachineMemory>();
        services.AddSingleton<PoolChecks>();
        services.AddSingleton<HealthReport>();
        services.AddSingleton<ShutdownDrain>();
        return services;
    }

    /// <summary>The rule by which callbacks are sent, as far as it can be said before they are.</summary>
    private sealed class PublicWebhookUrl(CallbackAddress addresses) : IWebhookUrlRule
    {
        public string? Explain(string url) => addresses.CheckUrl(url);
    }
}
