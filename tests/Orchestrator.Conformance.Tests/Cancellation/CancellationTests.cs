namespace Orchestrator.Conformance.Cancellation;

/// <summary>What a caller's token does to its call.</summary>
public sealed class CancellationTests(SiloFixture silo) : IClassFixture<SiloFixture>
{
    [Fact]
    public async Task A_call_with_a_cancelled_token_never_runs()
    {
        var (grain, probe) = silo.New<IPlainGrain>();
        using var cancellation = new CancellationTokenSource();
        await cancellation.CancelAsync();
        var exception = await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => Wait.For(grain.DoCancellable((self, _) => Record(self), cancellation.Token), "the cancelled call"));
        Assert.Equal(cancellation.Token, exception.CancellationToken);
        await grain.Do(_ => { });
        Assert.Equal(0, probe.CountOf("ran"));
    }

    [Fact]
    public async Task A_call_that_is_cancelled_in_the_queue_never_runs_and_its_caller_does_not_wait()
    {
        var (grain, probe) = silo.New<IPlainGrain>();
        using var cancellation = new CancellationTokenSource();
        var running = grain.Do(self => self.Probe.Gate("running"));
        await probe.Reached("running");
        var queued = grain.DoCancellable((self, _) => Record(self), cancellation.Token);
        await cancellation.CancelAsync();
        var exception = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Wait.For(queued, "the queued call's end"));
        Assert.Equal(cancellation.Token, exception.CancellationToken);
        Assert.False(running.IsCompleted);
        await silo.CancellationArrivesAsync();
        probe.Open("running");
        await Wait.For(running, "the running call");
        await grain.Do(_ => { });
        Assert.Equal(0, probe.CountOf("ran"));
    }

    [Fact]
    public async Task Cancellation_reaches_the_token_of_a_running_call()
    {
        var (grain, probe) = silo.New<IPlainGrain>();
        using var cancellation = new CancellationTokenSource();
        var call = grain.DoCancellable(
            async (self, token) =>
            {
                self.Probe.Record(token is { CanBeCanceled: true, IsCancellationRequested: false } ? "running" : "wrong");
                try
                {
                    await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, token);
                }
                catch (OperationCanceledException) when (token.IsCancellationRequested)
                {
                    self.Probe.Record("cancelled");
                    throw;
                }
            },
            cancellation.Token);
        await probe.Reached("running");
        await cancellation.CancelAsync();
        var exception = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Wait.For(call, "the cancelled call"));
        Assert.Equal(cancellation.Token, exception.CancellationToken);
        await probe.Reached("cancelled");
    }

    [Fact]
    public async Task The_caller_does_not_wait_for_a_method_that_ignores_its_token()
    {
        var (grain, probe) = silo.New<IPlainGrain>();
        using var cancellation = new CancellationTokenSource();
        var call = grain.DoCancellable(
            async (self, _) =>
            {
                await self.Probe.Gate("running");
                self.Probe.Record("ended");
            },
            cancellation.Token);
        await probe.Reached("running");
        await cancellation.CancelAsync();
        var exception = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Wait.For(call, "the cancelled call"));
        Assert.Equal(cancellation.Token, exception.CancellationToken);
        Assert.Equal(0, probe.CountOf("ended"));

        // The call still runs: the next one waits for it.
        var next = grain.Do(self => self.Probe.Record("next"));
        probe.Open("running");
        await Wait.For(next, "the next call");
        Assert.Equal(["ended", "next"], probe.Log[^2..]);
    }

    [Fact]
    public async Task Cancellation_is_noticed_in_a_turn_of_the_grain()
    {
        var (grain, probe) = silo.New<IPlainGrain>();
        using var cancellation = new CancellationTokenSource();
        var isHere = false;
        var call = grain.DoCancellable(
            async (self, token) =>
            {
                var here = TaskScheduler.Current;
                try
                {
                    self.Probe.Record("running");
                    await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, token);
                }
                finally
                {
                    isHere = TaskScheduler.Current == here;
                    self.Probe.Record("noticed");
                }
            },
            cancellation.Token);
        await probe.Reached("running");
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Wait.For(call, "the cancelled call"));
        await probe.Reached("noticed");
        Assert.True(isHere);
    }

    [Fact]
    public async Task A_token_that_is_never_cancelled_changes_nothing()
    {
        var (grain, probe) = silo.New<IPlainGrain>();
        using var cancellation = new CancellationTokenSource();
        await grain.DoCancellable((self, _) => Record(self), cancellation.Token);
        await grain.DoCancellable((self, _) => Record(self), CancellationToken.None);
        await cancellation.CancelAsync();
        await grain.Do(_ => { });
        Assert.Equal(2, probe.CountOf("ran"));
    }

    [Fact]
    public async Task Cancellation_goes_on_to_the_grain_that_the_called_one_calls()
    {
        var (outer, _) = silo.New<IPlainGrain>();
        var (inner, probe) = silo.New<IPlainGrain>();
        using var cancellation = new CancellationTokenSource();
        var call = outer.DoCancellable(
            (_, token) => inner.DoCancellable(
                async (self, innerToken) =>
                {
                    self.Probe.Record("running");
                    try
                    {
                        await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, innerToken);
                    }
                    finally
                    {
                        self.Probe.Record("cancelled");
                    }
                },
                token),
            cancellation.Token);
        await probe.Reached("running");
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Wait.For(call, "the cancelled call"));
        await probe.Reached("cancelled");
    }

    [Fact]
    public async Task A_cancelled_call_of_a_grain_that_is_being_activated_does_not_wait()
    {
        var (grain, probe) = silo.New<IPlainGrain>();
        probe.OnActivate = (self, _) => self.Probe.Gate("activating");
        using var cancellation = new CancellationTokenSource();
        var call = grain.DoCancellable((_, _) => Task.CompletedTask, cancellation.Token);
        await probe.Reached("activating");
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Wait.For(call, "the cancelled call"));
        probe.Open("activating");
        await Wait.For(grain.Do(_ => { }), "the next call");
    }

    private static Task Record(ScriptedGrain self)
    {
        self.Probe.Record("ran");
        return Task.CompletedTask;
    }
}
