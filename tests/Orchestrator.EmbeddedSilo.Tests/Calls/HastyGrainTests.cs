using Orleans;

namespace Orchestrator.EmbeddedSilo.Tests.Calls;

public interface IHastyGrain : IGrainWithStringKey
{
    Task<int> Number();
}

/// <summary>Asks for its end before it has served a call.</summary>
public sealed class HastyGrain : Grain, IHastyGrain
{
    private static int _lastNumber;

    private readonly int _number = Interlocked.Increment(ref _lastNumber);

    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        DeactivateOnIdle();
        return Task.CompletedTask;
    }

    public Task<int> Number() => Task.FromResult(_number);
}

public sealed class HastyGrainTests
{
    [Fact]
    public async Task A_grain_that_asks_for_its_end_in_OnActivateAsync_serves_one_call_each_time()
    {
        await using var silo = await RunningSilo.StartAsync(_ => { });
        var grain = silo.Grain<IHastyGrain>("hasty");
        var numbers = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => grain.Number())).WaitAsync(TimeSpan.FromSeconds(20));
        Assert.Equal(50, numbers.Distinct().Count());
    }
}
