using Orleans.Runtime;

namespace Orchestrator.Conformance.Interleaving;

/// <summary>Which calls begin while another one awaits.</summary>
public sealed class InterleavingTests(SiloFixture silo) : IClassFixture<SiloFixture>
{
    [Fact]
    public async Task Calls_of_a_reentrant_grain_interleave()
    {
        var (grain, probe) = silo.New<IReentrantGrain>();
        await AssertPassesAsync(probe, grain.Do(self => self.Probe.Gate("running")), () => grain.Do(_ => { }));
    }

    [Fact]
    public async Task A_reentrant_grain_can_wait_on_itself_through_another()
    {
        var (grain, _) = silo.New<IReentrantGrain>();
        var (other, _) = silo.New<IPlainGrain>();
        await Wait.For(grain.Do(_ => other.Do(_ => grain.Do(_ => { }))), "the call back");
    }

    [Fact]
    public async Task AlwaysInterleave_passes_a_running_call()
    {
        var (grain, probe) = silo.New<IPlainGrain>();
        await AssertPassesAsync(probe, grain.Do(self => self.Probe.Gate("running")), () => grain.DoInterleaved(_ => { }));
    }

    [Fact]
    public async Task An_ordinary_call_passes_one_with_AlwaysInterleave()
    {
        var (grain, probe) = silo.New<IPlainGrain>();
        await AssertPassesAsync(probe, grain.DoInterleaved(self => self.Probe.Gate("running")), () => grain.Do(_ => { }));
    }

    [Fact]
    public async Task Two_ReadOnly_calls_interleave()
    {
        var (grain, probe) = silo.New<IPlainGrain>();
        await AssertPassesAsync(probe, grain.DoReadOnly(self => self.Probe.Gate("running")), () => grain.DoReadOnly(_ => { }));
    }

    [Fact]
    public async Task A_ReadOnly_call_waits_for_a_call_that_may_write()
    {
        var (grain, probe) = silo.New<IPlainGrain>();
        await AssertWaitsAsync(grain, probe, grain.Do(self => self.Probe.Gate("running")), () => grain.DoReadOnly(self => self.Probe.Record("second")));
    }

    [Fact]
    public async Task A_call_that_may_write_waits_for_all_ReadOnly_calls()
    {
        var (grain, probe) = silo.New<IPlainGrain>();
        var readers = Task.WhenAll(grain.DoReadOnly(self => self.Probe.Gate("running")), grain.DoReadOnly(self => self.Probe.Gate("running too")));
        await probe.Reached("running too");
        await AssertWaitsAsync(
            grain, probe, readers, () => grain.Do(self => self.Probe.Record("second")), beforeOpening: () => probe.Open("running too"));
    }

    [Fact]
    public async Task MayInterleave_lets_through_the_calls_that_its_method_accepts()
    {
        var (grain, probe) = silo.New<IMayInterleaveGrain>();
        var passing = Script.Add(_ => Task.CompletedTask, "may");
        await AssertPassesAsync(probe, grain.Do(self => self.Probe.Gate("running")), () => grain.Run(passing));
    }

    [Fact]
    public async Task MayInterleave_holds_back_the_calls_that_its_method_does_not_accept()
    {
        var (grain, probe) = silo.New<IMayInterleaveGrain>();
        await AssertWaitsAsync(grain, probe, grain.Do(self => self.Probe.Gate("running")), () => grain.Do(self => self.Probe.Record("second")));
    }

    [Fact]
    public async Task The_caller_of_a_OneWay_method_does_not_wait_for_it()
    {
        var (grain, probe) = silo.New<IPlainGrain>();
        var call = grain.DoOneWay(async self =>
        {
            await self.Probe.Gate("running");
            self.Probe.Record("ended");
        });
        await Wait.For(call, "the caller's task");
        await probe.Reached("running");
        Assert.Equal(0, probe.CountOf("ended"));
        probe.Open("running");
        await probe.Reached("ended");
    }

    [Fact]
    public async Task An_exception_of_a_OneWay_method_is_seen_by_nobody()
    {
        var (grain, probe) = silo.New<IPlainGrain>();
        var activation = await grain.Activation();
        await grain.DoOneWay(self =>
        {
            self.Probe.Record("threw");
            throw new InvalidDataException("unseen");
        });
        await probe.Reached("threw");
        Assert.Equal(activation, await grain.Activation());
    }

    [Fact]
    public async Task A_OneWay_call_is_a_turn_like_others()
    {
        var (grain, probe) = silo.New<IPlainGrain>();
        var running = grain.Do(self => self.Probe.Gate("running"));
        await AssertWaitsAsync(grain, probe, running, async () =>
        {
            await grain.DoOneWay(self =>
            {
                self.Probe.Record("second");
                return Task.CompletedTask;
            });
            await probe.Reached("second");
        });
    }

    [Fact]
    public async Task A_OneWay_call_activates_its_grain_and_a_failed_activation_is_seen_by_nobody()
    {
        var (grain, probe) = silo.New<IPlainGrain>();
        probe.OnActivate = (self, _) =>
        {
            self.Probe.Record("activating");
            throw new InvalidDataException("unseen");
        };
        await grain.DoOneWay(_ => Task.CompletedTask);
        await probe.Reached("activating");
    }

    [Fact]
    public async Task A_grain_that_allows_its_call_chain_to_come_back_can_wait_on_itself()
    {
        var (grain, _) = silo.New<IPlainGrain>();
        var (other, _) = silo.New<IPlainGrain>();
        var call = grain.Do(async _ =>
        {
            using var section = RequestContext.AllowCallChainReentrancy();
            await other.Do(_ => grain.Do(_ => { }));
        });
        await Wait.For(call, "the call back");
    }

    [Fact]
    public async Task Only_the_call_chain_itself_comes_back()
    {
        var (grain, probe) = silo.New<IPlainGrain>();
        var running = grain.Do(async self =>
        {
            using var section = RequestContext.AllowCallChainReentrancy();
            await self.Probe.Gate("running");
        });
        await AssertWaitsAsync(grain, probe, running, () => grain.Do(self => self.Probe.Record("second")));
    }

    [Fact]
    public async Task A_call_chain_whose_coming_back_is_suppressed_waits()
    {
        await using var own = await SiloFixture.StartAsync(times: SiloTimes.ShortResponseTimeout);
        var (grain, probe) = own.New<IPlainGrain>();
        var (other, _) = own.New<IPlainGrain>();
        var call = grain.Do(async self =>
        {
            using var allowed = RequestContext.AllowCallChainReentrancy();
            using var suppressed = RequestContext.SuppressCallChainReentrancy();
            self.Probe.Record("calls");
            await other.Do(async _ =>
            {
                var back = grain.Do(_ => { });
                self.Probe.Record("waits");
                await back;
            });
        });
        await probe.Reached("waits");
        await own.PassResponseTimeoutAsync();
        await Assert.ThrowsAsync<TimeoutException>(() => Wait.For(call, "the end of the deadlock"));
    }

    [Fact]
    public async Task After_the_section_the_call_chain_waits_again()
    {
        await using var own = await SiloFixture.StartAsync(times: SiloTimes.ShortResponseTimeout);
        var (grain, probe) = own.New<IPlainGrain>();
        var (other, _) = own.New<IPlainGrain>();
        var call = grain.Do(async self =>
        {
            using (RequestContext.AllowCallChainReentrancy()) await other.Do(_ => grain.Do(_ => { }));
            await other.Do(async _ =>
            {
                var back = grain.Do(_ => { });
                self.Probe.Record("waits");
                await back;
            });
        });
        await probe.Reached("waits");
        await own.PassResponseTimeoutAsync();
        await Assert.ThrowsAsync<TimeoutException>(() => Wait.For(call, "the end of the deadlock"));
    }

    /// <summary>The running call waits at the gate "running"; the second one ends all the same.</summary>
    private static async Task AssertPassesAsync(Probe probe, Task running, Func<Task> second)
    {
        await probe.Reached("running");
        await Wait.For(second(), "the call that passes");
        Assert.False(running.IsCompleted);
        probe.Open("running");
        await Wait.For(running, "the running call");
    }

    /// <summary>The running call waits at the gate "running"; the second one, which records "second", waits for its end.</summary>
    private static async Task AssertWaitsAsync(IScripted grain, Probe probe, Task running, Func<Task> second, Action? beforeOpening = null)
    {
        await probe.Reached("running");
        var waiting = second();
        await Wait.For(grain.DoInterleaved(_ => { }), "a call behind the one that waits");
        Assert.Equal(0, probe.CountOf("second"));
        if (beforeOpening is not null)
        {
            beforeOpening();
            await Wait.For(grain.DoInterleaved(_ => { }), "a call behind the one that waits");
            Assert.Equal(0, probe.CountOf("second"));
        }

        probe.Open("running");
        await Wait.For(Task.WhenAll(running, waiting), "both calls");
        Assert.Equal(1, probe.CountOf("second"));
    }
}
