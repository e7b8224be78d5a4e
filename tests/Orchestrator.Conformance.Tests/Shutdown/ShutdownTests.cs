using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Orchestrator.Conformance.State;
using Orleans;
using Orleans.Hosting;
using Orleans.Runtime;

namespace Orchestrator.Conformance.Shutdown;

public sealed class Greeting(string text)
{
    public string Text { get; set; } = text;
}

public interface IInjectedGrain : IGrainWithStringKey
{
    Task<string> Greet();

    Task<bool> HasServicesOfItsOwn();
}

public sealed class ScopedThing;

public sealed class InjectedGrain(Greeting greeting, ScopedThing thing, [FromKeyedServices("loud")] Greeting loud) : Grain, IInjectedGrain
{
    public Task<string> Greet() =>
        Task.FromResult($"{greeting.Text} {loud.Text} {ServiceProvider.GetRequiredService<Greeting>().Text} {this.GetPrimaryKeyString()}");

    public Task<bool> HasServicesOfItsOwn() => Task.FromResult(ReferenceEquals(thing, ServiceProvider.GetRequiredService<ScopedThing>()));
}

/// <summary>What happens when a silo starts and stops, and what its services are to grains.</summary>
public sealed class ShutdownTests
{
    [Fact]
    public async Task A_grain_s_constructor_gets_services()
    {
        await using var silo = await StartWithServicesAsync();
        var grain = silo.Grains.GetGrain<IInjectedGrain>("you");
        Assert.Equal("Hello HELLO Hello you", await grain.Greet());
    }

    [Fact]
    public async Task Each_activation_has_a_scope_of_its_own()
    {
        await using var silo = await StartWithServicesAsync();
        Assert.True(await silo.Grains.GetGrain<IInjectedGrain>("you").HasServicesOfItsOwn());
    }

    [Fact]
    public async Task A_startup_task_can_call_grains_and_has_ended_when_the_silo_has_started()
    {
        var key = SiloFixture.NewKey();
        await using var silo = await SiloFixture.StartAsync(builder => builder.AddStartupTask(
            async (services, _) => await services.GetRequiredService<IGrainFactory>().GetGrain<IPlainGrain>(key).Do(self => self.Probe.Record("called"))));
        Assert.Equal(1, Probe.Of(key).CountOf("called"));
    }

    [Fact]
    public async Task An_orderly_stop_runs_OnDeactivateAsync_and_says_why()
    {
        await using var silo = await SiloFixture.StartAsync();
        var (first, firstProbe) = silo.New<IPlainGrain>();
        var (second, secondProbe) = silo.New<IKeepAliveGrain>();
        await first.Do(_ => { });
        await second.Do(_ => { });
        await silo.StopAsync();
        Assert.Equal(["deactivated ShuttingDown", "deactivated"], firstProbe.Log[^2..]);
        Assert.Equal(["deactivated ShuttingDown", "deactivated"], secondProbe.Log[^2..]);
    }

    [Fact]
    public async Task State_that_is_written_while_the_silo_stops_is_stored()
    {
        await using var silo = await SiloFixture.StartAsync();
        var (grain, probe) = silo.New<INotesGrain>();
        probe.OnDeactivate = (self, _, cancellationToken) =>
        {
            var state = ((NotesGrain)self).First;
            state.State.Text = "at the last moment";
            return state.WriteStateAsync(cancellationToken);
        };
        await grain.Do(_ => { });
        await silo.RestartAsync();
        Assert.Equal("at the last moment", await silo.Grains.GetGrain<INotesGrain>(grain.GetPrimaryKeyString()).Text());
    }

    [Fact]
    public async Task A_call_that_runs_when_the_silo_stops_finishes()
    {
        await using var silo = await SiloFixture.StartAsync();
        var (grain, probe) = silo.New<INotesGrain>();
        var call = grain.DoOneWay(async self =>
        {
            await self.Probe.Gate("running");
            ((NotesGrain)self).First.State.Text = "finished";
            await ((NotesGrain)self).First.WriteStateAsync();
            self.Probe.Record("finished");
        });
        await Wait.For(call, "the one-way call");
        await probe.Reached("running");
        var stop = silo.StopAsync();
        probe.Open("running");
        await Wait.For(stop, "the silo's end");
        Assert.Equal(["finished", "deactivated ShuttingDown", "deactivated"], probe.Log[^3..]);
    }

    [Fact]
    public async Task Calls_after_the_stop_fail()
    {
        await using var silo = await SiloFixture.StartAsync();
        var (grain, probe) = silo.New<IPlainGrain>();
        var (never, neverProbe) = silo.New<IPlainGrain>();
        await grain.Do(_ => { });
        await silo.StopAsync();
        await Assert.ThrowsAnyAsync<Exception>(() => Wait.For(grain.Do(self => self.Probe.Record("ran")), "the call's failure"));
        await Assert.ThrowsAnyAsync<Exception>(() => Wait.For(never.Do(_ => { }), "the call's failure"));
        Assert.Equal((0, 0), (probe.CountOf("ran"), neverProbe.Log.Length));
    }

    [Fact]
    public async Task Timers_do_not_tick_after_the_stop()
    {
        await using var silo = await SiloFixture.StartAsync();
        var (grain, probe) = silo.New<IPlainGrain>();
        await grain.Do(self => self.RegisterGrainTimer(
            () =>
            {
                self.Probe.Record("tick");
                return Task.CompletedTask;
            },
            new GrainTimerCreationOptions(TimeSpan.FromMinutes(2), TimeSpan.FromMinutes(2))));
        await silo.StopAsync();
        await silo.PassAsync(TimeSpan.FromHours(1));
        Assert.Equal(0, probe.CountOf("tick"));
    }

    [Fact]
    public async Task A_silo_starts_again_with_new_activations()
    {
        await using var silo = await SiloFixture.StartAsync();
        var (grain, _) = silo.New<IPlainGrain>();
        var before = await grain.Activation();
        await silo.RestartAsync();
        Assert.NotEqual(before, await silo.Grains.GetGrain<IPlainGrain>(grain.GetPrimaryKeyString()).Activation());
    }

    private static Task<SiloFixture> StartWithServicesAsync() => SiloFixture.StartAsync(silo => silo.ConfigureServices(services =>
    {
        services.TryAddSingleton(new Greeting("Hello"));
        services.AddKeyedSingleton("loud", new Greeting("HELLO"));
        services.AddScoped<ScopedThing>();
    }));
}
