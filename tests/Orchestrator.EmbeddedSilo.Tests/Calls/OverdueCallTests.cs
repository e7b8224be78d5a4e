using Microsoft.Extensions.DependencyInjection;
using Orchestrator.Testing;
using Orleans.Configuration;
using Orleans.Hosting;
using Orleans.Runtime;

namespace Orchestrator.EmbeddedSilo.Tests.Calls;

public sealed class OverdueCallTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task A_caller_learns_what_the_grain_was_busy_with()
    {
        var clock = new ManualClock();
        await using var silo = await RunningSilo.StartAsync(_ => { }, clock);
        var grain = silo.Grain<IGateGrain>("busy");
        var running = grain.Wait();
        await GateGrain.EnteredAsync("busy");
        var waiting = grain.Echo(1);

        clock.Advance(Limit + TimeSpan.FromSeconds(1));

        var late = await Assert.ThrowsAsync<TimeoutException>(() => running);
        var blocked = await Assert.ThrowsAsync<TimeoutException>(() => waiting);
        Assert.Contains("IGateGrain.Wait of gate/busy", late.Message, StringComparison.Ordinal);
        Assert.Contains("still runs", late.Message, StringComparison.Ordinal);
        Assert.Contains("IGateGrain.Echo of gate/busy", blocked.Message, StringComparison.Ordinal);
        Assert.Contains("busy with IGateGrain.Wait for 30.0 s", blocked.Message, StringComparison.Ordinal);
        GateGrain.Open("busy");
        Assert.Equal(2, await grain.Echo(2));
    }

    [Fact]
    public async Task A_process_that_was_frozen_does_not_fail_a_call_that_was_just_sent()
    {
        // A laptop that wakes up: the clock has jumped, the timers fire late. Only calls that themselves waited that long may fail.
        var clock = new ManualClock();
        await using var silo = await RunningSilo.StartAsync(_ => { }, clock);
        clock.Advance(TimeSpan.FromHours(8));
        var call = silo.Grain<IGateGrain>("woken").Wait();
        await GateGrain.EnteredAsync("woken");
        clock.Advance(Limit - TimeSpan.FromSeconds(2));
        GateGrain.Open("woken");
        Assert.Equal(1, await call);
    }

    [Fact]
    public async Task Stopping_leaves_a_grain_behind_that_does_not_end_in_time()
    {
        await using var silo = await RunningSilo.StartAsync(builder => builder.Configure<GrainCollectionOptions>(
            options => options.DeactivationTimeout = TimeSpan.FromHours(1)));
        await silo.Grain<IGateGrain>("stuck").HoldDeactivation();
        using var limit = new CancellationTokenSource();
        var stopping = silo.StopAsync(limit.Token);
        await GateGrain.EnteredAsync("stuck");
        Assert.False(stopping.IsCompleted);

        await limit.CancelAsync();

        await stopping.WaitAsync(TimeSpan.FromSeconds(20));
        var refused = await Assert.ThrowsAsync<SiloUnavailableException>(() => silo.Grain<IGateGrain>("other").Echo(1));
        Assert.Contains("the silo is stopped", refused.Message, StringComparison.Ordinal);
        GateGrain.Open("stuck");
    }

    [Fact]
    public async Task A_grain_that_went_is_not_kept_in_memory_by_a_reference_to_it()
    {
        var clock = new ManualClock();
        await using var silo = await RunningSilo.StartAsync(_ => { }, clock);
        var reference = silo.Grain<IGateGrain>("gone");
        var instance = await CallAndFindAsync();
        var collected = silo.Services.GetRequiredService<SiloRuntime>().Catalog.DrainAsync(CancellationToken.None);
        await collected.WaitAsync(TimeSpan.FromSeconds(20));

        // The thread that ended the grain may still have it on its stack for a moment.
        var isFreed = SpinWait.SpinUntil(
            () =>
            {
                GC.Collect();
                return !instance.IsAlive;
            },
            TimeSpan.FromSeconds(20));
        Assert.True(isFreed);
        GC.KeepAlive(reference);

        async Task<WeakReference> CallAndFindAsync()
        {
            await reference.Echo(1);
            var id = GrainId.Create("gate", "gone");
            Assert.True(silo.Services.GetRequiredService<SiloRuntime>().Catalog.TryFind(id, out var activation));
            return new(activation.Grain);
        }
    }
}
