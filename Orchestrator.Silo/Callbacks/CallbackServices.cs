using Microsoft.Extensions.DependencyInjection.Extensions;
using Orchestrator.Grains.Callbacks;

namespace Orchestrator.Silo.Callbacks;

/// <summary>What callbacks need beside their grain.</summary>
internal static class CallbackServices
{
    /// <summary>Adds <see cref="ICallbackTransport"/> and <see cref="CallbackAddress"/>; options are read from <c>IOptions&lt;CallbackOptions&gt;</c>.</summary>
    public static IServiceCollection AddCallbacks(this IServiceCollection services)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton<CallbackAddress>();
        services.AddSingleton<CallbackOrigins>();
        services.AddSingleton<CallbackSender>();
        services.AddSingleton<CallbackTransport>().AddSingleton<ICallbackTransport>(provider => provider.GetRequiredService<CallbackTransport>());
        return services;
    }
}
