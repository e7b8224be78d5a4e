using Orchestrator.Contracts.AgentTasks;
using Orchestrator.Grains.Capacity;
using Orchestrator.Silo.Access;
using Orchestrator.Silo.AgentTasks;
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
        services.AddSingleton<IWebhookUrlRule, AnyWebhookUrl>();
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
        services.AddSingleton<MachineChecks>().AddHostedService(provider => provider.GetRequiredService<MachineChecks>());
        services.AddSingleton<IWorkerAuths, InstalledWorkerAuths>();
        services.AddSingleton<HealthReport>();
        services.AddSingleton<ShutdownDrain>();
        return services;
    }

    /// <summary>Stands here until the rule for callback addresses does.</summary>
    private sealed class AnyWebhookUrl : IWebhookUrlRule
    {
        public string? Explain(string url) => null;
    }
}
