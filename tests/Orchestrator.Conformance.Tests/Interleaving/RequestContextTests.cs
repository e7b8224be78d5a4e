using Orleans.Runtime;

namespace Orchestrator.Conformance.Interleaving;

/// <summary>What travels with calls beside their arguments.</summary>
public sealed class RequestContextTests(SiloFixture silo) : IClassFixture<SiloFixture>
{
    [Fact]
    public async Task A_value_reaches_the_grain_and_the_grains_that_it_calls()
    {
        var (first, _) = silo.New<IPlainGrain>();
        var (second, _) = silo.New<IPlainGrain>();
        RequestContext.Set("word", "hello");
        var (here, there) = await first.Ask(async _ => (RequestContext.Get("word"), await second.Get(_ => RequestContext.Get("word"))));
        Assert.Equal(("hello", "hello"), (here, there));
    }

    [Fact]
    public async Task A_value_stays_over_the_grain_s_awaits()
    {
        var (grain, _) = silo.New<IPlainGrain>();
        RequestContext.Set("word", "hello");
        Assert.Equal("hello", await grain.Ask(async _ =>
        {
            await Task.Yield();
            return RequestContext.Get("word");
        }));
    }

    [Fact]
    public async Task What_a_grain_sets_does_not_come_back()
    {
        var (grain, _) = silo.New<IPlainGrain>();
        RequestContext.Set("word", "hello");
        await grain.Do(_ =>
        {
            RequestContext.Set("word", "changed");
            RequestContext.Set("other", "new");
        });
        Assert.Equal(("hello", null), (RequestContext.Get("word"), RequestContext.Get("other")));
    }

    [Fact]
    public async Task The_next_call_sees_nothing_of_the_last_one_s_values()
    {
        var (grain, _) = silo.New<IPlainGrain>();
        RequestContext.Set("word", "hello");
        await grain.Do(_ => { });
        Assert.True(RequestContext.Remove("word"));
        Assert.Null(await grain.Get(_ => RequestContext.Get("word")));
    }

    [Fact]
    public async Task Calls_that_interleave_see_their_own_values()
    {
        var (grain, probe) = silo.New<IReentrantGrain>();
        RequestContext.Set("word", "first");
        var first = grain.Ask(async self =>
        {
            await self.Probe.Gate("gate");
            return RequestContext.Get("word");
        });
        await probe.Reached("gate");
        RequestContext.Set("word", "second");
        Assert.Equal("second", await grain.Get(_ => RequestContext.Get("word")));
        probe.Open("gate");
        Assert.Equal("first", await Wait.For(first, "the first call"));
    }
}
