using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Orchestrator.EmbeddedSilo.Reminders;
using Orchestrator.EmbeddedSilo.Startup;
using Orchestrator.EmbeddedSilo.Storage;
using Orleans.Configuration;
using Orleans.Runtime;
using Orleans.Storage;

namespace Orleans.Hosting
{
    /// <summary>Puts a silo together.</summary>
    public interface ISiloBuilder
    {
        /// <summary>The services of the host.</summary>
        IServiceCollection Services { get; }

        /// <summary>The configuration of the host.</summary>
        IConfiguration Configuration { get; }
    }

    /// <summary>Options and services.</summary>
    public static class SiloBuilderExtensions
    {
        /// <summary>Adds services.</summary>
        public static ISiloBuilder ConfigureServices(this ISiloBuilder builder, Action<IServiceCollection> configureDelegate)
        {
            ArgumentNullException.ThrowIfNull(builder);
            ArgumentNullException.ThrowIfNull(configureDelegate);
            configureDelegate(builder.Services);
            return builder;
        }

        /// <summary>Sets options.</summary>
        public static ISiloBuilder Configure<TOptions>(this ISiloBuilder builder, Action<TOptions> configureOptions)
            where TOptions : class
        {
            ArgumentNullException.ThrowIfNull(builder);
            builder.Services.Configure(configureOptions);
            return builder;
        }
    }

    /// <summary>Start-up tasks.</summary>
    public static class SiloBuilderStartupExtensions
    {
        /// <summary>Runs a task once the silo takes calls; the host has started when it has ended. An exception stops the start.</summary>
        /// <param name="builder">The silo builder.</param>
        /// <param name="startupTask">May call grains.</param>
        /// <param name="stage">Tasks run in the order of their stages, one after the other.</param>
        public static ISiloBuilder AddStartupTask(
            this ISiloBuilder builder, Func<IServiceProvider, CancellationToken, Task> startupTask, int stage = ServiceLifecycleStage.Active)
        {
            ArgumentNullException.ThrowIfNull(builder);
            builder.Services.AddSingleton(new SiloStartupTask(stage, startupTask));
            return builder;
        }

        /// <inheritdoc cref="AddStartupTask(ISiloBuilder, Func{IServiceProvider, CancellationToken, Task}, int)" />
        public static ISiloBuilder AddStartupTask(this ISiloBuilder builder, IStartupTask startupTask, int stage = ServiceLifecycleStage.Active) =>
            builder.AddStartupTask((_, cancellationToken) => startupTask.Execute(cancellationToken), stage);

        /// <inheritdoc cref="AddStartupTask(ISiloBuilder, Func{IServiceProvider, CancellationToken, Task}, int)" />
        public static ISiloBuilder AddStartupTask<TStartup>(this ISiloBuilder builder, int stage = ServiceLifecycleStage.Active)
            where TStartup : class, IStartupTask =>
            builder.AddStartupTask(
                (services, cancellationToken) => ActivatorUtilities.GetServiceOrCreateInstance<TStartup>(services).Execute(cancellationToken), stage);
    }

    /// <summary>Storage that forgets everything when the process ends: for tests.</summary>
    public static class MemoryGrainStorageSiloBuilderExtensions
    {
        /// <summary>Adds a storage of that name.</summary>
        public static ISiloBuilder AddMemoryGrainStorage(
            this ISiloBuilder builder, string name, Action<OptionsBuilder<MemoryGrainStorageOptions>>? configureOptions = null)
        {
            ArgumentNullException.ThrowIfNull(builder);
            configureOptions?.Invoke(builder.Services.AddOptions<MemoryGrainStorageOptions>(name));
            builder.Services.AddKeyedSingleton<IGrainStorage, MemoryGrainStorage>(name);
            return builder;
        }

        /// <summary>Adds the storage that states without a storage name use.</summary>
        public static ISiloBuilder AddMemoryGrainStorageAsDefault(
            this ISiloBuilder builder, Action<OptionsBuilder<MemoryGrainStorageOptions>>? configureOptions = null) =>
            builder.AddMemoryGrainStorage("Default", configureOptions);
    }

    /// <summary>Reminders that are forgotten when the process ends: for tests.</summary>
    public static class SiloBuilderReminderMemoryExtensions
    {
        /// <summary>Adds the reminder service.</summary>
        public static ISiloBuilder UseInMemoryReminderService(this ISiloBuilder builder)
        {
            ArgumentNullException.ThrowIfNull(builder);
            builder.Services.AddSingleton<IReminderStore, MemoryReminderStore>().AddSingleton<ReminderService>();
            return builder;
        }
    }
}

namespace Orleans.Runtime
{
    /// <summary>Something to run once when the silo has started.</summary>
    public interface IStartupTask
    {
        /// <summary>Runs it.</summary>
        Task Execute(CancellationToken cancellationToken);
    }
}

namespace Orleans
{
    /// <summary>When things start.</summary>
    public static class ServiceLifecycleStage
    {
        /// <summary>The silo takes calls.</summary>
        public const int Active = 20000;
    }
}
