namespace Orchestrator.Conformance.Activation;

/// <summary>How activations begin.</summary>
public sealed class ActivationTests(SiloFixture silo) : IClassFixture<SiloFixture>
{
    [Fact]
    public async Task Many_callers_at_once_meet_one_activation()
    {
        var (grain, probe) = silo.New<IPlainGrain>();
        probe.OnActivate = (self, _) => self.Probe.Gate("activating");
        using var start = new Barrier(8);
        var calls = Enumerable.Range(0, 8).Select(_ => Task.Factory.StartNew(
            async () =>
            {
                start.SignalAndWait(Wait.Longest);
                return await grain.Activation();
            },
            CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default).Unwrap()).ToList();
        await probe.Reached("activating");
        probe.Open("activating");
        var activations = await Wait.For(Task.WhenAll(calls), "8 callers");
        Assert.Single(activations.Distinct());
        Assert.Equal(1, probe.CountOf("constructed"));
    }

    [Fact]
    public async Task Callers_with_references_of_their_own_meet_one_activation()
    {
        var key = SiloFixture.NewKey();
        var calls = Enumerable.Range(0, 100).Select(_ => Task.Run(() => silo.Grains.GetGrain<IPlainGrain>(key).Activation()));
        Assert.Single((await Wait.For(Task.WhenAll(calls), "100 callers")).Distinct());
    }

    [Fact]
    public async Task No_call_begins_before_OnActivateAsync_has_ended()
    {
        var (grain, probe) = silo.New<IPlainGrain>();
        probe.OnActivate = (self, _) => self.Probe.Gate("activating");
        var call = grain.DoInterleaved(self => self.Probe.Record("call"));
        await probe.Reached("activating");
        probe.Open("activating");
        await Wait.For(call, "the call");
        Assert.Equal(["constructed", "activating", "activated", "call"], probe.Log);
    }

    [Fact]
    public async Task A_grain_can_call_others_in_OnActivateAsync()
    {
        var (grain, probe) = silo.New<IPlainGrain>();
        var (other, otherProbe) = silo.New<IPlainGrain>();
        probe.OnActivate = (_, _) => other.Do(self => self.Probe.Record("called"));
        await Wait.For(grain.Do(_ => { }), "the call");
        Assert.Equal(1, otherProbe.CountOf("called"));
    }

    [Fact]
    public async Task An_exception_in_OnActivateAsync_fails_all_calls_that_waited()
    {
        var (grain, probe) = silo.New<IPlainGrain>();
        probe.OnActivate = async (self, _) =>
        {
            await self.Probe.Gate("activating");
            throw new InvalidDataException("no activation");
        };
        var calls = Enumerable.Range(0, 3).Select(_ => grain.Do(self => self.Probe.Record("ran"))).ToList();
        await probe.Reached("activating");
        probe.Open("activating");
        foreach (var call in calls)
            Assert.Equal("no activation", (await Assert.ThrowsAsync<InvalidDataException>(() => Wait.For(call, "the failure"))).Message);
        Assert.Equal(0, probe.CountOf("ran"));
    }

    [Fact]
    public async Task After_an_activation_that_failed_the_next_call_tries_again()
    {
        var (grain, probe) = silo.New<IPlainGrain>();
        probe.OnActivate = (_, _) => throw new InvalidDataException("no activation");
        await Assert.ThrowsAsync<InvalidDataException>(() => grain.Do(_ => { }));
        probe.OnActivate = null;
        await Wait.For(grain.Do(_ => { }), "the next call");
        Assert.Equal(["constructed", "constructed", "activated"], probe.Log);
    }

    [Fact]
    public async Task A_constructor_that_throws_fails_the_call_and_the_next_one_tries_again()
    {
        var (grain, probe) = silo.New<IPlainGrain>();
        probe.OnConstruct = () => throw new InvalidDataException("no grain");
        var exception = await Assert.ThrowsAsync<InvalidOperationException>(() => grain.Do(_ => { }));
        Assert.Contains("Failed to create an instance of grain type", exception.Message, StringComparison.Ordinal);
        Assert.Equal("no grain", Assert.IsType<InvalidDataException>(exception.InnerException).Message);
        probe.OnConstruct = null;
        await Wait.For(grain.Do(_ => { }), "the next call");
    }

    [Fact]
    public async Task OnDeactivateAsync_does_not_run_for_an_activation_that_failed()
    {
        var (grain, probe) = silo.New<IPlainGrain>();
        probe.OnActivate = (_, _) => throw new InvalidDataException("no activation");
        await Assert.ThrowsAsync<InvalidDataException>(() => grain.Do(_ => { }));
        probe.OnActivate = null;
        await grain.Do(_ => { });
        Assert.DoesNotContain(probe.Log, entry => entry.StartsWith("deactivated", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Keys_have_activations_of_their_own_and_so_have_classes()
    {
        var (first, _) = silo.New<IPlainGrain>();
        var (second, _) = silo.New<IPlainGrain>();
        Assert.NotEqual(await first.Activation(), await second.Activation());
        var key = SiloFixture.NewKey();
        Assert.NotEqual(
            await silo.Grains.GetGrain<IPlainGrain>(key).Activation(), await silo.Grains.GetGrain<IReentrantGrain>(key).Activation());
    }
}
