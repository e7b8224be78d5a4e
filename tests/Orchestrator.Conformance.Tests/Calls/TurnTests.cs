using System.Diagnostics.CodeAnalysis;

namespace Orchestrator.Conformance.Calls;

/// <summary>Where the code of a grain runs, and that never two pieces of it run at once.</summary>
public sealed class TurnTests(SiloFixture silo) : IClassFixture<SiloFixture>
{
    [ThreadStatic]
    private static bool _isCalling;

    [Fact]
    public async Task A_call_runs_to_its_end_before_the_next_one_begins()
    {
        var (grain, probe) = silo.New<IPlainGrain>();
        var first = grain.Do(async self =>
        {
            await self.Probe.Gate("first");
            self.Probe.Record("first ends");
        });
        await probe.Reached("first");
        var second = grain.Do(self => self.Probe.Record("second"));

        // This call passes the one that waits: if that could begin, it would have been before this one.
        await grain.DoInterleaved(self => self.Probe.Record("passing"));
        Assert.Equal(0, probe.CountOf("second"));
        probe.Open("first");
        await Wait.For(Task.WhenAll(first, second), "both calls");
        Assert.Equal(["first ends", "second"], probe.Log[^2..]);
    }

    [Fact]
    public async Task Calls_from_many_callers_never_overlap()
    {
        var (grain, _) = silo.New<IPlainGrain>();
        var (inside, most, sum) = (0, 0, 0);
        var calls = Enumerable.Range(0, 50).Select(_ => grain.Do(async _ =>
        {
            most = Math.Max(most, Interlocked.Increment(ref inside));
            var before = sum;
            await Task.Yield();
            sum = before + 1;
            Interlocked.Decrement(ref inside);
        }));
        await Wait.For(Task.WhenAll(calls), "50 calls");
        Assert.Equal((1, 50), (most, sum));
    }

    [Fact]
    public async Task Turns_of_interleaving_calls_never_run_at_once()
    {
        var (grain, _) = silo.New<IReentrantGrain>();
        var (inside, most, count) = (0, 0, 0);
        var calls = Enumerable.Range(0, 20).Select(_ => grain.Do(async _ =>
        {
            for (var i = 0; i < 20; i++)
            {
                await Task.Yield();
                most = Math.Max(most, Interlocked.Increment(ref inside));
                count++;
                Interlocked.Decrement(ref inside);
            }
        }));
        await Wait.For(Task.WhenAll(calls), "20 calls");
        Assert.Equal((1, 400), (most, count));
    }

    [Fact]
    public async Task Tasks_that_a_grain_starts_never_run_at_once()
    {
        var (grain, _) = silo.New<IPlainGrain>();
        var (inside, most, count) = (0, 0, 0);
        await grain.Do(_ => Task.WhenAll(Enumerable.Range(0, 100).Select(_ => StartHere(async () =>
        {
            await Task.Yield();
            most = Math.Max(most, Interlocked.Increment(ref inside));
            count++;
            Interlocked.Decrement(ref inside);
        }))));
        Assert.Equal((1, 100), (most, count));
    }

    [Fact]
    public async Task A_call_never_runs_on_its_caller_s_stack()
    {
        var (caller, _) = silo.New<IPlainGrain>();
        var (called, _) = silo.New<IPlainGrain>();
        await called.Do(_ => { });
        var (fromTest, fromGrain) = (false, false);
        await Wait.For(Call(called, () => fromTest |= _isCalling), "the call");
        await caller.Do(_ => Call(called, () => fromGrain |= _isCalling));
        Assert.Equal((false, false), (fromTest, fromGrain));

        static Task Call(IPlainGrain grain, Action action)
        {
            _isCalling = true;
            var call = grain.Do(_ => action());
            _isCalling = false;
            return call;
        }
    }

    [Fact]
    public async Task A_grain_can_call_itself_without_waiting()
    {
        var (grain, probe) = silo.New<IPlainGrain>();
        Task? second = null;
        await grain.Do(self =>
        {
            second = self.Grains.GetGrain<IPlainGrain>(self.Key).Do(other => other.Probe.Record("second"));
            self.Probe.Record("first ends");
        });
        await Wait.For(second!, "the call to itself");
        Assert.Equal(["first ends", "second"], probe.Log[^2..]);
    }

    [Fact]
    public async Task An_await_comes_back_to_the_grain()
    {
        var (grain, _) = silo.New<IPlainGrain>();
        var isHere = await grain.Ask(async _ =>
        {
            var here = TaskScheduler.Current;
            await Task.Yield();
            var afterYield = TaskScheduler.Current == here;
            await Task.Run(static () => { });
            var afterRun = TaskScheduler.Current == here;
            await Task.Delay(TimeSpan.FromMilliseconds(1), TimeProvider.System);
            return here != TaskScheduler.Default && afterYield && afterRun && TaskScheduler.Current == here;
        });
        Assert.True(isHere);
    }

    [Fact]
    public async Task All_calls_of_an_activation_see_the_same_scheduler()
    {
        var (grain, _) = silo.New<IPlainGrain>();
        var first = await grain.Get(_ => TaskScheduler.Current);
        Assert.Same(first, await grain.Get(_ => TaskScheduler.Current));
        var (other, _) = silo.New<IPlainGrain>();
        Assert.NotSame(first, await other.Get(_ => TaskScheduler.Current));
    }

    [Fact]
    public async Task Task_Factory_StartNew_stays_on_the_grain()
    {
        var (grain, _) = silo.New<IPlainGrain>();
        Assert.True(await grain.Ask(async _ =>
        {
            var here = TaskScheduler.Current;
            var isHere = false;
            await StartHere(async () =>
            {
                await Task.Yield();
                isHere = TaskScheduler.Current == here;
            });
            return isHere;
        }));
    }

    [Fact]
    [SuppressMessage("Reliability", "CA2008:Do not create tasks without passing a TaskScheduler", Justification = "This is what is tested.")]
    public async Task ContinueWith_stays_on_the_grain()
    {
        var (grain, _) = silo.New<IPlainGrain>();
        Assert.True(await grain.Ask(async _ =>
        {
            var here = TaskScheduler.Current;
            return await Task.Run(static () => { }).ContinueWith(_ => TaskScheduler.Current == here);
        }));
    }

    [Fact]
    public async Task Task_Run_leaves_the_grain()
    {
        var (grain, _) = silo.New<IPlainGrain>();
        Assert.Same(TaskScheduler.Default, await grain.Ask(_ => Task.Run(static () => TaskScheduler.Current)));
    }

    [Fact]
    public async Task ConfigureAwait_false_leaves_the_grain()
    {
        var (grain, probe) = silo.New<IPlainGrain>();
        var call = grain.Ask(async self =>
        {
            await self.Probe.Gate("gate").ConfigureAwait(false);
            return TaskScheduler.Current;
        });
        await probe.Reached("gate");
        probe.Open("gate");
        Assert.Same(TaskScheduler.Default, await Wait.For(call, "the call"));
    }

    [Fact]
    public async Task A_thread_that_a_grain_blocks_holds_up_no_other_grain()
    {
        var (blocked, blockedProbe) = silo.New<IPlainGrain>();
        var (other, _) = silo.New<IPlainGrain>();
        using var release = new ManualResetEventSlim();
        var call = blocked.Do(self =>
        {
            self.Probe.Record("blocks");
            release.Wait(Wait.Longest);
        });
        await blockedProbe.Reached("blocks");
        await Wait.For(other.Do(_ => { }), "the other grain's call");
        release.Set();
        await Wait.For(call, "the blocked call");
    }

    [SuppressMessage("Reliability", "CA2008:Do not create tasks without passing a TaskScheduler", Justification = "The current one is wanted.")]
    private static Task StartHere(Func<Task> action) => Task.Factory.StartNew(action).Unwrap();
}
