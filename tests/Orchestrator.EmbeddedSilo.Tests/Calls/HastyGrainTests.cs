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

public interface ISleepyGrain : IGrainWithStringKey
{
    Task Wake(CancellationToken cancellationToken);
}

/// <summary>Takes as long to wake up as the test wants.</summary>
public sealed class SleepyGrain : Grain, ISleepyGrain
{
    public static TaskCompletionSource Asleep { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public static TaskCompletionSource Alarm { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        Asleep.TrySetResult();
        return Alarm.Task;
    }

    public Task Wake(CancellationToken cancellationToken) => Task.CompletedTask;
}

public sealed class HastyGrainTests
{
    [Fact]
    public async Task The_silo_stops_although_the_only_call_of_a_grain_that_wakes_up_was_given_up()
    {
        await using var silo = await RunningSilo.StartAsync(_ => { });
        using var cancellation = new CancellationTokenSource();
        var call = silo.Grain<ISleepyGrain>("sleepy").Wake(cancellation.Token);
        await SleepyGrain.Asleep.Task.WaitAsync(TimeSpan.FromSeconds(20));
        await cancellation.CancelAsync();
        await Assert.ThrowsAsync<OperationCanceledException>(() => call);

        var stopping = silo.StopAsync(CancellationToken.None);
        SleepyGrain.Alarm.SetResult();

        await stopping.WaitAsync(TimeSpan.FromSeconds(20));
    }

    [Fact]
    public async Task A_grain_that_asks_for_its_end_in_OnActivateAsync_serves_one_call_each_time()
    {
        await using var silo = await RunningSilo.StartAsync(_ => { });
        var grain = silo.Grain<IHastyGrain>("hasty");
        var numbers = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => grain.Number())).WaitAsync(TimeSpan.FromSeconds(20));
        Assert.Equal(50, numbers.Distinct().Count());
    }
}
