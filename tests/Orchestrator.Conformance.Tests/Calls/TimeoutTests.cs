namespace Orchestrator.Conformance.Calls;

/// <summary>A caller never waits for ever.</summary>
public sealed class TimeoutTests
{
    [Fact]
    public async Task A_grain_that_waits_on_itself_through_another_times_out_and_works_afterwards()
    {
        await using var silo = await SiloFixture.StartAsync(times: SiloTimes.ShortResponseTimeout);
        var (first, _) = silo.New<IPlainGrain>();
        var (second, secondProbe) = silo.New<IPlainGrain>();
        var call = first.Do(_ => second.Do(async self =>
        {
            var back = first.Do(_ => { });
            self.Probe.Record("waits");
            await back;
        }));
        await secondProbe.Reached("waits");
        await silo.PassResponseTimeoutAsync();
        await Assert.ThrowsAsync<TimeoutException>(() => Wait.For(call, "the end of the deadlock"));
        await Wait.For(Task.WhenAll(first.Do(_ => { }), second.Do(_ => { })), "both grains to work again");
    }

    [Fact]
    public async Task A_call_that_timed_out_in_the_queue_never_runs()
    {
        await using var silo = await SiloFixture.StartAsync(times: SiloTimes.ShortResponseTimeout);
        var (grain, probe) = silo.New<IPlainGrain>();
        var first = grain.Do(self => self.Probe.Gate("first"));
        await probe.Reached("first");
        var queued = grain.Do(self => self.Probe.Record("queued"));
        await silo.PassResponseTimeoutAsync();
        await Assert.ThrowsAsync<TimeoutException>(() => Wait.For(queued, "the queued call's time-out"));
        await Assert.ThrowsAsync<TimeoutException>(() => Wait.For(first, "the first call's time-out"));
        probe.Open("first");
        await Wait.For(grain.Do(_ => { }), "the next call");
        Assert.Equal(0, probe.CountOf("queued"));
    }

    [Fact]
    public async Task A_call_that_timed_out_while_it_ran_goes_on_to_its_end()
    {
        await using var silo = await SiloFixture.StartAsync(times: SiloTimes.ShortResponseTimeout);
        var (grain, probe) = silo.New<IPlainGrain>();
        var call = grain.Do(async self =>
        {
            await self.Probe.Gate("runs");
            self.Probe.Record("ended");
        });
        await probe.Reached("runs");
        await silo.PassResponseTimeoutAsync();
        await Assert.ThrowsAsync<TimeoutException>(() => Wait.For(call, "the call's time-out"));
        var next = grain.Do(self => self.Probe.Record("next"));
        probe.Open("runs");
        await Wait.For(next, "the next call");
        Assert.Equal(["ended", "next"], probe.Log[^2..]);
    }
}
