using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Orchestrator.EmbeddedSilo;
using Orchestrator.EmbeddedSilo.Startup;
using Orchestrator.EmbeddedSilo.Statistics;
using Orchestrator.EmbeddedSilo.Storage;
using Orleans;
using Orleans.Configuration;
using Orleans.Hosting;

namespace Microsoft.Extensions.Hosting;

/// <summary>Adds a silo to a host.</summary>
public static class OrleansSiloGenericHostExtensions
{
    /// <summary>Adds the embedded silo: it starts and stops with the host, and <see cref="IGrainFactory"/> is a service.</summary>
    public static IHostApplicationBuilder UseOrleans(this IHostApplicationBuilder hostAppBuilder, Action<ISiloBuilder> configureDelegate)
    {
        ArgumentNullException.ThrowIfNull(hostAppBuilder);
        AddSilo(hostAppBuilder.Services, hostAppBuilder.Configuration, configureDelegate);
        return hostAppBuilder;
    }

    /// <inheritdoc cref="UseOrleans(IHostApplicationBuilder, Action{ISiloBuilder})" />
    public static HostApplicationBuilder UseOrleans(this HostApplicationBuilder hostAppBuilder, Action<ISiloBuilder> configureDelegate)
    {
        UseOrleans((IHostApplicationBuilder)hostAppBuilder, configureDelegate);
        return hostAppBuilder;
    }

    /// <inheritdoc cref="UseOrleans(IHostApplicationBuilder, Action{ISiloBuilder})" />
    public static IHostBuilder UseOrleans(this IHostBuilder hostBuilder, Action<HostBuilderContext, ISiloBuilder> configureDelegate)
    {
        ArgumentNullException.ThrowIfNull(hostBuilder);
        return hostBuilder.ConfigureServices((context, services) => AddSilo(services, context.Configuration, silo => configureDelegate(context, silo)));
    }

    private static void AddSilo(IServiceCollection services, IConfiguration configuration, Action<ISiloBuilder> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton(_ => GrainAssemblies.Discover());
        services.TryAddSingleton(CreateRuntime);
        services.TryAddSingleton<IClusterClient>(provider => provider.GetRequiredService<SiloRuntime>().References);
        services.TryAddSingleton<IGrainFactory>(provider => provider.GetRequiredService<SiloRuntime>().References);
        services.TryAddSingleton<GrainStateSerializer>();
        services.TryAddSingleton(provider => new SiloStatistics(provider.GetRequiredService<SiloRuntime>(), provider.GetServices<SqliteDatabase>()));
        services.TryAddSingleton<SiloMetrics>();
        services.AddOptions<GrainCollectionOptions>().Validate(
            options => options.CollectionAge > options.CollectionQuantum && options.CollectionQuantum > TimeSpan.Zero
                && options.ActivationTimeout > TimeSpan.Zero && options.DeactivationTimeout > TimeSpan.Zero,
            "GrainCollectionOptions: all times must be positive, and CollectionAge must be more than CollectionQuantum.");
        services.AddOptions<SiloMessagingOptions>().Validate(
            options => options.ResponseTimeout > TimeSpan.Zero, "SiloMessagingOptions.ResponseTimeout must be positive.");
        services.AddOptions<ReminderOptions>().Validate(
            options => options.MinimumReminderPeriod > TimeSpan.Zero, "ReminderOptions.MinimumReminderPeriod must be positive.");
        configure(new SiloBuilder(services, configuration));
        services.AddHostedService<SiloHostedService>();
    }

    private static SiloRuntime CreateRuntime(IServiceProvider services) => new(
        services,
        services.GetRequiredService<TimeProvider>(),
        services.GetRequiredService<GrainRegistry>(),
        services.GetRequiredService<IOptions<GrainCollectionOptions>>().Value,
        services.GetRequiredService<IOptions<SiloMessagingOptions>>().Value.ResponseTimeout,
        services.GetServices<IIncomingGrainCallFilter>(),
        services.GetRequiredService<ILoggerFactory>().CreateLogger("Orchestrator.EmbeddedSilo"));

    private sealed record SiloBuilder(IServiceCollection Services, IConfiguration Configuration) : ISiloBuilder;
}
