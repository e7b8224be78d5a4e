using Orleans;
using Orleans.Runtime;

namespace Orchestrator.Conformance.Activation;

/// <summary>
/// What is idle goes, unless there is a reason to stay. Each test has a grain that must go beside the one that must stay, so that staying means more than
/// that the collection has not come yet.
/// </summary>
public sealed class IdleTests
{
    [Fact]
    public async Task An_idle_grain_is_collected_and_comes_back_with_the_next_call()
    {
        await using var silo = await SiloFixture.StartAsync(times: SiloTimes.ShortIdleTime);
        var (grain, probe) = silo.New<IPlainGrain>();
        var first = await grain.Activation();
        await silo.PassIdleTimeAsync(probe.Reached("deactivated ActivationIdle"));
        Assert.NotEqual(first, await Wait.For(grain.Activation(), "the next call"));
    }

    [Fact]
    public async Task A_grain_with_KeepAlive_is_not_collected()
    {
        await using var silo = await SiloFixture.StartAsync(times: SiloTimes.ShortIdleTime);
        var (grain, _) = silo.New<IKeepAliveGrain>();
        await AssertStaysAsync(silo, grain);
    }

    [Fact]
    public async Task A_grain_that_delays_its_deactivation_stays_until_it_takes_that_back()
    {
        await using var silo = await SiloFixture.StartAsync(times: SiloTimes.ShortIdleTime);
        var (grain, probe) = silo.New<IPlainGrain>();
        await grain.Do(self => self.StayFor(SiloFixture.IdleTime * 1000));
        await AssertStaysAsync(silo, grain);
        await grain.Do(self => self.StayFor(TimeSpan.Zero));
        await silo.PassIdleTimeAsync(probe.Reached("deactivated ActivationIdle"));
    }

    [Fact]
    public async Task A_grain_with_a_running_call_is_not_collected()
    {
        await using var silo = await SiloFixture.StartAsync(times: SiloTimes.ShortIdleTime);
        var (grain, probe) = silo.New<IPlainGrain>();
        var call = grain.DoOneWay(async self =>
        {
            await self.Probe.Gate("runs");
            self.Probe.Record("ended");
        });
        await Wait.For(call, "the one-way call");
        await probe.Reached("runs");
        var (idle, idleProbe) = silo.New<IPlainGrain>();
        await idle.Do(_ => { });
        await silo.PassIdleTimeAsync(idleProbe.Reached("deactivated ActivationIdle"));
        probe.Open("runs");
        await probe.Reached("ended");
        Assert.DoesNotContain(probe.Log, entry => entry.StartsWith("deactivated", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_timer_with_KeepAlive_keeps_its_grain_and_others_do_not()
    {
        await using var silo = await SiloFixture.StartAsync(times: SiloTimes.ShortIdleTime);
        var (kept, keptProbe) = silo.New<IPlainGrain>();
        var (left, leftProbe) = silo.New<IPlainGrain>();
        var period = SiloFixture.IdleTime / 3;
        await kept.Do(self => Tick(self, keepsAlive: true));
        await left.Do(self => Tick(self, keepsAlive: false));
        var collected = leftProbe.Reached("deactivated ActivationIdle");
        for (var i = 1; i <= 6 || !collected.IsCompleted; i++)
        {
            await silo.TickAsync(period);
            await keptProbe.Reached("tick", i);
        }

        await collected;
        Assert.DoesNotContain(keptProbe.Log, entry => entry.StartsWith("deactivated", StringComparison.Ordinal));
        Assert.NotEqual(0, leftProbe.CountOf("tick"));

        void Tick(ScriptedGrain self, bool keepsAlive) => self.RegisterGrainTimer(
            () =>
            {
                self.Probe.Record("tick");
                return Task.CompletedTask;
            },
            new GrainTimerCreationOptions(period, period) { KeepAlive = keepsAlive });
    }

    private static async Task AssertStaysAsync(SiloFixture silo, IScripted grain)
    {
        var (idle, idleProbe) = silo.New<IPlainGrain>();
        var activation = await grain.Activation();
        await idle.Do(_ => { });
        await silo.PassIdleTimeAsync(idleProbe.Reached("deactivated ActivationIdle"));
        Assert.Equal(activation, await grain.Activation());
    }
}
