using System.Globalization;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.DependencyInjection;
using Orchestrator.Testing;
using Orleans;
using Orleans.Configuration;
using Orleans.Hosting;
using Orleans.Storage;

namespace Orchestrator.Conformance;

/// <summary>Which times a silo needs short. A runtime that takes all its time from the fixture's clock need not care.</summary>
public enum SiloTimes
{
    Usual,

    /// <summary>Calls shall time out.</summary>
    ShortResponseTimeout,

    /// <summary>Idle activations shall be collected.</summary>
    ShortIdleTime,
}

/// <summary>
/// One silo with state and reminders that outlive its restart. This part is common to both runtimes; <c>SiloFixture.Embedded.cs</c> and
/// <c>SiloFixture.Microsoft.cs</c> have what differs, and nothing else of this suite does. Used by xunit as a class fixture, or started by a test that
/// needs a silo of its own.
/// </summary>
public sealed partial class SiloFixture : IAsyncLifetime, IAsyncDisposable
{
    /// <summary>The storage that grains name.</summary>
    public const string StorageName = "faulty";

    private const string StoredName = "stored";

    private static int _lastKey;

    private Action<ISiloBuilder>? _configure;
    private SiloTimes _times;
    private IServiceProvider? _services;

    /// <summary>Drives timers and reminders.</summary>
    public ManualClock Clock { get; } = new();

    /// <summary>Makes storage fail.</summary>
    public FaultyStorage.Faults StorageFaults { get; } = new();

    /// <summary>The silo's services; those of the last run when it is stopped.</summary>
    public IServiceProvider Services => _services ?? throw new InvalidOperationException("The silo was not started.");

    /// <summary>Makes references, as endpoints in the silo's process do.</summary>
    public IGrainFactory Grains => Services.GetRequiredService<IGrainFactory>();

    /// <summary>Starts a silo of the test's own.</summary>
    public static async Task<SiloFixture> StartAsync(Action<ISiloBuilder>? configure = null, SiloTimes times = SiloTimes.Usual)
    {
        var silo = new SiloFixture { _configure = configure, _times = times };
        await silo.StartAsync();
        return silo;
    }

    /// <summary>A grain with a key of its own, named after the test, and its probe.</summary>
    public (T Grain, Probe Probe) New<T>([CallerMemberName] string fact = "")
        where T : IGrainWithStringKey
    {
        var key = NewKey(fact);
        return (Grains.GetGrain<T>(key), Probe.Of(key));
    }

    /// <summary>A key that no other test has.</summary>
    public static string NewKey([CallerMemberName] string fact = "") =>
        $"{fact} {Interlocked.Increment(ref _lastKey).ToString(CultureInfo.InvariantCulture)}";

    /// <summary>Waits until a timer or reminder is due in exactly that time, and lets this time pass.</summary>
    public async Task TickAsync(TimeSpan due, [CallerMemberName] string phase = "")
    {
        if (!IsRealTime) await Wait.For(Clock.TimerDueInAsync(due), $"a timer that is due in {due}", state: null, phase);
        await PassAsync(due);
    }

    /// <summary>Stops and starts again, with the stored state and reminders of before.</summary>
    public async Task RestartAsync()
    {
        await StopAsync();
        await StartAsync();
    }

    public Task InitializeAsync() => StartAsync();

    public async Task DisposeAsync()
    {
        await StopAsync();
        DeleteStored();
    }

    async ValueTask IAsyncDisposable.DisposeAsync() => await DisposeAsync();

    private static void AddFaultyStorage(ISiloBuilder silo, FaultyStorage.Faults faults) => silo.Services.AddKeyedSingleton<IGrainStorage>(
        StorageName, (services, _) => new FaultyStorage(services.GetRequiredKeyedService<IGrainStorage>(StoredName), faults));

    private void Configure(ISiloBuilder silo)
    {
        AddFaultyStorage(silo, StorageFaults);

        // Where they are not tested, time-outs and collection stay out of the way of tests that move the clock.
        var (idleTime, quantum) = _times == SiloTimes.ShortIdleTime ? (IdleTime, IdleTime / 5) : (TimeSpan.FromDays(100), TimeSpan.FromDays(1));
        var responseTimeout = _times == SiloTimes.ShortResponseTimeout ? ResponseTimeout : TimeSpan.FromDays(1);
        silo.Configure<GrainCollectionOptions>(options => (options.CollectionAge, options.CollectionQuantum) = (idleTime, quantum));
        silo.Configure<SiloMessagingOptions>(options => options.ResponseTimeout = responseTimeout);
        _configure?.Invoke(silo);
    }
}
