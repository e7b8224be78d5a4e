using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Orleans;
using Orleans.Hosting;

namespace Orchestrator.EmbeddedSilo.Tests;

/// <summary>A silo with the grains of this assembly and storage in memory. What a test does not configure is as in a new host.</summary>
internal sealed class RunningSilo(IHost host) : IAsyncDisposable
{
    public IServiceProvider Services => host.Services;

    public static async Task<RunningSilo> StartAsync(Action<ISiloBuilder> configure, TimeProvider? clock = null)
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddMetrics();
        if (clock is not null) builder.Services.AddSingleton(clock);
        builder.UseOrleans(silo =>
        {
            silo.AddMemoryGrainStorageAsDefault();
            configure(silo);
        });
        var host = builder.Build();
        await host.StartAsync();
        return new(host);
    }

    public TGrain Grain<TGrain>(string key)
        where TGrain : IGrainWithStringKey => Services.GetRequiredService<IGrainFactory>().GetGrain<TGrain>(key);

    public Task StopAsync(CancellationToken cancellationToken) => host.StopAsync(cancellationToken);

    public async ValueTask DisposeAsync()
    {
        await host.StopAsync();
        host.Dispose();
    }
}
