using System.Collections.Concurrent;
using Orleans;
using Orleans.Concurrency;
using Orleans.Runtime;
using Xunit.Abstractions;

namespace Orchestrator.EmbeddedSilo.Tests.Calls;

public interface IStressGrain : IGrainWithStringKey
{
    Task<int> Echo(int value);

    Task<int> EchoLater(int value);

    Task<int> EchoAndLeave(int value);

    Task<int> EchoFrom(IStressGrain other, int value);

    Task<int> Fail(int value);

    Task<int> EchoUnless(int value, CancellationToken cancellationToken);

    [AlwaysInterleave]
    Task<int> EchoBetween(int value);

    IAsyncEnumerable<int> CountTo(int value, CancellationToken cancellationToken);
}

/// <summary>Notes whatever must never happen: two activations of one key, two turns at once, a call of an ordinary method inside another.</summary>
public sealed class StressGrain : Grain, IStressGrain
{
    public static readonly ConcurrentBag<string> Violations = [];

    private static readonly ConcurrentDictionary<string, StrongCount> Activations = new(StringComparer.Ordinal);

    private int _turns;
    private int _ordinaryCalls;

    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        if (Activations.GetOrAdd(this.GetPrimaryKeyString(), _ => new()).Increment() != 1) Violations.Add("two activations at once");
        return Task.CompletedTask;
    }

    public override async Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        await Task.Yield();
        if (_ordinaryCalls != 0) Violations.Add("deactivated while a call ran");
        Activations[this.GetPrimaryKeyString()].Decrement();
    }

    public Task<int> Echo(int value) => OrdinaryAsync(() => Task.FromResult(value));

    public Task<int> EchoLater(int value) => OrdinaryAsync(async () =>
    {
        for (var i = 0; i < value % 4; i++)
        {
            await Task.Yield();
            Turn();
        }

        return value;
    });

    public Task<int> EchoAndLeave(int value) => OrdinaryAsync(() =>
    {
        DeactivateOnIdle();
        return Task.FromResult(value);
    });

    public Task<int> EchoFrom(IStressGrain other, int value) => OrdinaryAsync(() => other.Echo(value));

    public Task<int> Fail(int value) => OrdinaryAsync<int>(() => throw new InvalidOperationException($"{value}"));

    public Task<int> EchoUnless(int value, CancellationToken cancellationToken) => OrdinaryAsync(async () =>
    {
        await Task.Yield();
        cancellationToken.ThrowIfCancellationRequested();
        return value;
    });

    public async Task<int> EchoBetween(int value)
    {
        Turn();
        await Task.Yield();
        Turn();
        return value;
    }

    public async IAsyncEnumerable<int> CountTo(int value, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        for (var i = 0; i < value; i++)
        {
            Turn();
            if (i % 3 == 0) await Task.Yield();
            yield return i;
        }
    }

    private async Task<T> OrdinaryAsync<T>(Func<Task<T>> work)
    {
        Turn();
        if (Interlocked.Increment(ref _ordinaryCalls) != 1) Violations.Add("two ordinary calls at once");
        try
        {
            return await work();
        }
        finally
        {
            Turn();
            Interlocked.Decrement(ref _ordinaryCalls);
        }
    }

    /// <summary>A piece of a turn: long enough that another thread in here at the same time is seen.</summary>
    private void Turn()
    {
        if (Interlocked.Increment(ref _turns) != 1) Violations.Add("two turns at once");
        if (TaskScheduler.Current == TaskScheduler.Default) Violations.Add("a turn outside the grain's scheduler");
        Thread.SpinWait(50);
        Interlocked.Decrement(ref _turns);
    }

    private sealed class StrongCount
    {
        private int _count;

        public int Increment() => Interlocked.Increment(ref _count);

        public void Decrement() => Interlocked.Decrement(ref _count);
    }
}

public sealed class StressTests(ITestOutputHelper output)
{
    [Fact]
    public async Task However_calls_deactivations_failures_and_cancellations_race_each_call_has_its_one_right_answer()
    {
        const int Callers = 16;
        const int CallsEach = 1500;
        var seed = int.TryParse(Environment.GetEnvironmentVariable("STRESS_SEED"), out var wanted) ? wanted : Environment.TickCount;
        output.WriteLine($"STRESS_SEED={seed}");
        await using var silo = await RunningSilo.StartAsync(_ => { });
        var answers = new ConcurrentDictionary<string, int>(StringComparer.Ordinal);

        await Task.WhenAll(Enumerable.Range(0, Callers).Select(caller => Task.Run(async () =>
        {
            var random = new Random(seed + caller);
            for (var i = 0; i < CallsEach; i++)
            {
                var what = await CallAsync(silo, random, (caller * CallsEach) + i).WaitAsync(TimeSpan.FromSeconds(25));
                answers.AddOrUpdate(what, 1, static (_, count) => count + 1);
            }
        })));

        output.WriteLine(string.Join(", ", answers.Select(answer => $"{answer.Key}: {answer.Value}")));
        Assert.Empty(StressGrain.Violations);
        Assert.DoesNotContain(answers.Keys, key => key.StartsWith("wrong", StringComparison.Ordinal));
    }

    private static async Task<string> CallAsync(RunningSilo silo, Random random, int value)
    {
        // Calls between grains go to a higher number only, so that none waits for itself.
        var target = random.Next(10);
        var grain = silo.Grain<IStressGrain>($"stress-{target}");
        try
        {
            switch (random.Next(9))
            {
                case 0: return Right("Echo", await grain.Echo(value), value);
                case 1: return Right("EchoLater", await grain.EchoLater(value), value);
                case 2: return Right("EchoAndLeave", await grain.EchoAndLeave(value), value);
                case 3: return Right("EchoFrom", await grain.EchoFrom(silo.Grain<IStressGrain>($"stress-{target + 1 + random.Next(3)}"), value), value);
                case 4: return Right("EchoBetween", await grain.EchoBetween(value), value);
                case 5:
                    await grain.Fail(value);
                    return "wrong: no exception";
                case 6:
                    using (var cancellation = new CancellationTokenSource())
                    {
                        var call = grain.EchoUnless(value, cancellation.Token);
                        if (random.Next(2) == 0) await cancellation.CancelAsync();
                        return Right("EchoUnless", await call, value);
                    }

                case 7:
                    var stopAt = random.Next(12);
                    var seen = 0;
                    await foreach (var item in grain.CountTo(8, CancellationToken.None))
                    {
                        if (item != seen++) return "wrong item";
                        if (seen == stopAt) break;
                    }

                    return seen == Math.Min(8, stopAt == 0 ? 8 : stopAt) ? "CountTo" : "wrong number of items";
                default:
                    await Task.WhenAll(grain.Echo(value), grain.EchoLater(value), grain.EchoBetween(value));
                    return "three at once";
            }
        }
        catch (InvalidOperationException exception) when (exception.Message == $"{value}")
        {
            return "Fail";
        }
        catch (OperationCanceledException)
        {
            return "cancelled";
        }
        catch (EnumerationAbortedException)
        {
            return "aborted";
        }

        static string Right(string what, int answer, int value) => answer == value ? what : $"wrong answer of {what}";
    }
}
