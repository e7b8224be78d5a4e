using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Orleans;
using Orleans.Hosting;
using Orleans.Runtime;

namespace Orchestrator.Conformance;

public interface ISmokeGrain : IGrainWithStringKey
{
    Task<int> Add(int x);
    IAsyncEnumerable<int> Count(int to, CancellationToken cancellationToken);
}

[GenerateSerializer]
public sealed class SmokeState { [Id(0)] public int Sum { get; set; } }

public sealed class SmokeGrain([PersistentState("smoke")] IPersistentState<SmokeState> state) : Grain, ISmokeGrain
{
    public async Task<int> Add(int x)
    {
        state.State.Sum += x;
        await state.WriteStateAsync();
        return state.State.Sum;
    }

    public async IAsyncEnumerable<int> Count(int to, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        for (var i = 0; i < to; i++) { await Task.Yield(); yield return i; }
    }
}

public sealed class SmokeTests
{
    [Fact]
    public async Task It_runs()
    {
        var builder = Host.CreateApplicationBuilder();
        builder.UseOrleans(silo => silo.AddMemoryGrainStorageAsDefault().UseInMemoryReminderService());
        using var host = builder.Build();
        await host.StartAsync();
        var grain = host.Services.GetRequiredService<IGrainFactory>().GetGrain<ISmokeGrain>("a");
        Assert.Equal(1, await grain.Add(1));
        Assert.Equal(3, await grain.Add(2));
        var seen = new List<int>();
        await foreach (var i in grain.Count(5, default)) seen.Add(i);
        Assert.Equal([0, 1, 2, 3, 4], seen);
        await host.StopAsync();
    }
}
