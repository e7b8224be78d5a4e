using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Orchestrator.Testing;
using Orleans;
using Orleans.Configuration;
using Orleans.Hosting;
using Orleans.Runtime;
using Orleans.Storage;

namespace Orchestrator.Grains.Tests;

/// <summary>
/// A silo with the real grains, a clock that the test moves, and state that outlives <see cref="RestartAsync"/> (reminders do not: they are in memory). What the grains need
/// beside it is added by the test; a grain that is not tested can be replaced by an object that is called directly.
/// </summary>
internal sealed class GrainHost : IAsyncDisposable
{
    private readonly Action<IServiceCollection> _configure;
    private readonly Dictionary<Type, Func<string, object>> _standIns = [];
    private IHost? _host;

    private GrainHost(Action<IServiceCollection> configure, ManualClock? clock) => (_configure, Clock) = (configure, clock ?? new());

    /// <summary>Drives everything.</summary>
    public ManualClock Clock { get; }

    /// <summary>The storage named <c>orchestrator</c>.</summary>
    public KeptStorage Storage { get; } = new();

    /// <summary>The services of the running silo.</summary>
    public IServiceProvider Services => _host?.Services ?? throw new InvalidOperationException("The silo does not run.");

    /// <summary>Makes references as the service's endpoints do.</summary>
    public IGrainFactory Grains => Services.GetRequiredService<IGrainFactory>();

    /// <summary>Starts a silo.</summary>
    /// <param name="configure">Adds what the grains' constructors ask for.</param>
    /// <param name="clock">Null: a new one.</param>
    /// <param name="standIns">Adds stand-ins, before the silo starts.</param>
    public static async Task<GrainHost> StartAsync(Action<IServiceCollection> configure, ManualClock? clock = null, Action<GrainHost>? standIns = null)
    {
        var host = new GrainHost(configure, clock);
        standIns?.Invoke(host);
        await host.StartAsync();
        return host;
    }

    /// <summary>Whoever asks for grains of that interface gets the object instead, by grain key: whether a class implements it does not matter. Its methods run on the caller's stack.</summary>
    public void Replace<TGrain>(Func<string, TGrain> standIn)
        where TGrain : IGrainWithStringKey => _standIns[typeof(TGrain)] = key => standIn(key);

    /// <summary>A reference to a grain.</summary>
    public TGrain Grain<TGrain>(string key)
        where TGrain : IGrainWithStringKey => Grains.GetGrain<TGrain>(key);

    /// <summary>Stops and starts again: activations, timers and reminders are gone, state is there.</summary>
    public async Task RestartAsync()
    {
        await StopAsync();
        await StartAsync();
    }

    public async ValueTask DisposeAsync() => await StopAsync();

    private async Task StartAsync()
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddMetrics();
        builder.Services.AddSingleton<TimeProvider>(Clock);
        builder.Services.AddKeyedSingleton<IGrainStorage>("orchestrator", Storage);
        builder.Services.AddSingleton<IGrainFactory>(services => new StandInFactory(services.GetRequiredService<IClusterClient>(), _standIns));
        _configure(builder.Services);
        builder.UseOrleans(silo =>
        {
            silo.UseInMemoryReminderService();

            // Tests move the clock by hours: calls under way do not time out by it, and activations stay.
            silo.Configure<SiloMessagingOptions>(options => options.ResponseTimeout = TimeSpan.FromDays(40));
            silo.Configure<GrainCollectionOptions>(options => (options.CollectionAge, options.CollectionQuantum) = (TimeSpan.FromDays(100), TimeSpan.FromDays(40)));
        });
        _host = builder.Build();
        await _host.StartAsync();
    }

    private async Task StopAsync()
    {
        if (_host is null) return;
        await _host.StopAsync();
        _host.Dispose();
        _host = null;
    }

    private sealed class StandInFactory(IClusterClient grains, Dictionary<Type, Func<string, object>> standIns) : IGrainFactory
    {
        public TGrainInterface GetGrain<TGrainInterface>(string primaryKey, string? grainClassNamePrefix = null)
            where TGrainInterface : IGrainWithStringKey =>
            standIns.TryGetValue(typeof(TGrainInterface), out var standIn)
                ? (TGrainInterface)standIn(primaryKey)
                : grains.GetGrain<TGrainInterface>(primaryKey, grainClassNamePrefix);

        public TGrainInterface GetGrain<TGrainInterface>(GrainId grainId)
            where TGrainInterface : IAddressable => grains.GetGrain<TGrainInterface>(grainId);

        public IGrain GetGrain(Type grainInterfaceType, string grainPrimaryKey) => grains.GetGrain(grainInterfaceType, grainPrimaryKey);
    }
}
