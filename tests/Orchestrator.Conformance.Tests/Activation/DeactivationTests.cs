using Orleans;

namespace Orchestrator.Conformance.Activation;

public interface IDisposedGrain : IGrainWithStringKey
{
    Task Leave();
}

public sealed class DisposedGrain : Grain, IDisposedGrain, IAsyncDisposable
{
    public Task Leave()
    {
        DeactivateOnIdle();
        return Task.CompletedTask;
    }

    public ValueTask DisposeAsync()
    {
        Probe.Of(this.GetPrimaryKeyString()).Record("disposed");
        return default;
    }
}

/// <summary>How activations end when the grain asks for it.</summary>
public sealed class DeactivationTests(SiloFixture silo) : IClassFixture<SiloFixture>
{
    [Fact]
    public async Task The_running_call_of_a_grain_that_deactivates_finishes_there()
    {
        var (grain, probe) = silo.New<IPlainGrain>();
        var activation = 0;
        var call = grain.Do(async self =>
        {
            self.Leave();
            await self.Probe.Gate("leaving");
            self.Probe.Record("finished");
            activation = self.Number;
        });
        await probe.Reached("leaving");
        Assert.Equal(0, probe.CountOf("deactivated"));
        probe.Open("leaving");
        await Wait.For(call, "the running call");
        await probe.Reached("deactivated");
        Assert.Equal(["finished", "deactivated ApplicationRequested", "deactivated"], probe.Log[^3..]);
        Assert.NotEqual(activation, await grain.Activation());
    }

    [Fact]
    public async Task Queued_calls_are_served_by_the_next_activation()
    {
        var (grain, probe) = silo.New<IPlainGrain>();
        var first = await grain.Activation();
        var leaving = grain.Do(async self =>
        {
            await self.Probe.Gate("leaving");
            self.Leave();
        });
        await probe.Reached("leaving");
        var queued = Enumerable.Range(0, 5).Select(_ => grain.Activation()).ToList();
        probe.Open("leaving");
        await Wait.For(leaving, "the running call");
        var served = await Wait.For(Task.WhenAll(queued), "the queued calls");
        Assert.Single(served.Distinct());
        Assert.NotEqual(first, served[0]);
    }

    [Fact]
    public async Task Calls_that_come_during_OnDeactivateAsync_are_served_by_the_next_activation()
    {
        var (grain, probe) = silo.New<IPlainGrain>();
        var first = await grain.Activation();
        probe.OnDeactivate = (self, _, _) => self.Number == first ? self.Probe.Gate("deactivating") : Task.CompletedTask;
        await grain.Do(self => self.Leave());
        await probe.Reached("deactivating");
        var call = grain.Activation();
        var interleaving = grain.DoInterleaved(self => self.Probe.Record($"interleaved {self.Number != first}"));
        Assert.Equal(1, probe.CountOf("constructed"));
        probe.Open("deactivating");
        Assert.NotEqual(first, await Wait.For(call, "the call"));
        await Wait.For(interleaving, "the interleaving call");
        Assert.Equal(1, probe.CountOf("interleaved True"));
    }

    [Fact]
    public async Task Two_activations_never_overlap()
    {
        var (grain, probe) = silo.New<IPlainGrain>();
        probe.OnDeactivate = async (_, _, _) => await Task.Yield();

        // In rounds, because Orleans hands a waiting call on to a next activation twice and not more often.
        for (var round = 0; round < 10; round++)
        {
            var calls = Enumerable.Range(0, 5).Select(i => grain.Do(self =>
            {
                if (i == 1) self.Leave();
            }));
            await Wait.For(Task.WhenAll(calls), $"5 calls in round {round}");
        }

        var lives = probe.Log.Where(entry => entry is "constructed" or "deactivated").ToList();
        for (var i = 0; i < lives.Count; i++) Assert.Equal(i % 2 == 0 ? "constructed" : "deactivated", lives[i]);
    }

    [Fact]
    public async Task OnDeactivateAsync_runs_on_the_grain_and_learns_the_reason()
    {
        var (grain, probe) = silo.New<IPlainGrain>();
        var scheduler = await grain.Get(_ => TaskScheduler.Current);
        TaskScheduler? seen = null;
        probe.OnDeactivate = async (_, reason, _) =>
        {
            await Task.Yield();
            seen = reason.ReasonCode == DeactivationReasonCode.ApplicationRequested ? TaskScheduler.Current : null;
        };
        await grain.Do(self => self.Leave());
        await probe.Reached("deactivated");
        Assert.Same(scheduler, seen);
    }

    [Fact]
    public async Task A_grain_can_call_others_in_OnDeactivateAsync()
    {
        var (grain, probe) = silo.New<IPlainGrain>();
        var (other, otherProbe) = silo.New<IPlainGrain>();
        probe.OnDeactivate = (_, _, _) => other.Do(self => self.Probe.Record("farewell"));
        await grain.Do(self => self.Leave());
        await probe.Reached("deactivated");
        Assert.Equal(1, otherProbe.CountOf("farewell"));
    }

    [Fact]
    public async Task An_exception_in_OnDeactivateAsync_is_seen_by_nobody()
    {
        var (grain, probe) = silo.New<IPlainGrain>();
        var first = await grain.Activation();
        probe.OnDeactivate = (_, _, _) => throw new InvalidDataException("not now");
        await grain.Do(self => self.Leave());
        await probe.Reached("deactivated ApplicationRequested");
        Assert.NotEqual(first, await Wait.For(grain.Activation(), "the next call"));
    }

    [Fact]
    public async Task To_ask_for_deactivation_twice_is_to_ask_once()
    {
        var (grain, probe) = silo.New<IPlainGrain>();
        await grain.Do(self =>
        {
            self.Leave();
            self.Leave();
        });
        await probe.Reached("deactivated");
        await grain.Do(_ => { });
        Assert.Equal((1, 2), (probe.CountOf("deactivated"), probe.CountOf("constructed")));
    }

    [Fact]
    public async Task A_failed_call_that_asked_for_deactivation_gets_its_exception_and_the_grain_leaves()
    {
        var (grain, probe) = silo.New<IPlainGrain>();
        await Assert.ThrowsAsync<InvalidDataException>(() => grain.Do(self =>
        {
            self.Leave();
            throw new InvalidDataException();
        }));
        await probe.Reached("deactivated");
    }

    [Fact]
    public async Task A_grain_that_is_disposable_is_disposed_of()
    {
        var (grain, probe) = silo.New<IDisposedGrain>();
        await grain.Leave();
        await probe.Reached("disposed");
    }
}
