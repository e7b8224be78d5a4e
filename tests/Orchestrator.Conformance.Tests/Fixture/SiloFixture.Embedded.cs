using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Orchestrator.EmbeddedSilo.Storage;

namespace Orchestrator.Conformance;

/// <content>The embedded silo, on SQLite: all its times are the clock's.</content>
public sealed partial class SiloFixture
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("conformance-");
    private IHost? _host;

    /// <summary>How long an activation must be idle to be collected.</summary>
    public static TimeSpan IdleTime => TimeSpan.FromMinutes(15);

    /// <summary>How long calls wait for an answer.</summary>
    public static TimeSpan ResponseTimeout => TimeSpan.FromSeconds(30);

    private static bool IsRealTime => false;

    /// <summary>Lets time pass.</summary>
    public Task PassAsync(TimeSpan time)
    {
        Clock.Advance(time);
        return Task.CompletedTask;
    }

    /// <summary>Lets so much time pass that calls time out.</summary>
    public Task PassResponseTimeoutAsync() => PassAsync(ResponseTimeout + TimeSpan.FromSeconds(5));

    /// <summary>
    /// Lets time pass until what is idle has been collected. Once is not always enough: a caller may have its answer a moment before the grain has
    /// noted the end of the call, and thus the beginning of its idleness.
    /// </summary>
    public async Task PassIdleTimeAsync(Task collected)
    {
        while (!collected.IsCompleted)
        {
            await PassAsync(IdleTime * 1.5);
            await Task.WhenAny(collected, Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System));
        }

        await collected;
    }

    /// <summary>Waits until the queue knows that a caller has cancelled. Here it does as soon as the caller does.</summary>
    public Task CancellationArrivesAsync() => Task.CompletedTask;

    /// <summary>Stops the silo in an orderly way.</summary>
    public async Task StopAsync()
    {
        if (_host is not { } host) return;
        _host = null;
        await Wait.For(host.StopAsync(), "the silo's end");
        host.Dispose();
    }

    private async Task StartAsync()
    {
        var builder = Host.CreateEmptyApplicationBuilder(settings: null);
        builder.Services.AddSingleton<TimeProvider>(Clock);
        builder.UseOrleans(silo =>
        {
            silo.UseSqlite(options => options.Path = Path.Combine(_folder.FullName, "silo.db"));
            silo.AddSqliteGrainStorage(StoredName).UseSqliteReminderService();
            Configure(silo);
        });
        var host = builder.Build();
        _services = host.Services;
        await host.StartAsync();
        _host = host;
    }

    private void DeleteStored() => _folder.Delete(recursive: true);
}
