using Orleans;
using Orleans.Runtime;

namespace Orchestrator.Conformance.Timers;

/// <summary>Each test has a silo of its own, so that no timer but its own is due.</summary>
public sealed class TimerTests : IAsyncLifetime
{
    private static readonly TimeSpan Due = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan Period = TimeSpan.FromMinutes(3);

    private readonly SiloFixture _silo = new();

    public Task InitializeAsync() => _silo.InitializeAsync();

    public Task DisposeAsync() => _silo.DisposeAsync();

    [Fact]
    public async Task A_timer_ticks_when_it_is_due_and_then_once_in_each_period()
    {
        var (grain, probe) = _silo.New<IPlainGrain>();
        var startedAt = _silo.Clock.GetUtcNow();
        var ticks = new List<TimeSpan>();
        await grain.Do(self => Start(self, () => ticks.Add(_silo.Clock.GetUtcNow() - startedAt)));
        await _silo.TickAsync(Due);
        await probe.Reached("tick");
        await _silo.TickAsync(Period);
        await probe.Reached("tick", 2);
        await _silo.TickAsync(Period);
        await probe.Reached("tick", 3);
        Assert.Equal([Due, Due + Period, Due + (2 * Period)], ticks);
    }

    [Fact]
    public async Task A_timer_of_OnActivateAsync_ticks()
    {
        var (grain, probe) = _silo.New<IPlainGrain>();
        probe.OnActivate = (self, _) =>
        {
            Start(self);
            return Task.CompletedTask;
        };
        await grain.Do(_ => { });
        await _silo.TickAsync(Due);
        await probe.Reached("tick");
    }

    [Fact]
    public async Task Without_a_period_there_is_one_tick()
    {
        var (grain, probe) = _silo.New<IPlainGrain>();
        await grain.Do(self => Start(self, due: Due, period: Timeout.InfiniteTimeSpan));
        await _silo.TickAsync(Due);
        await probe.Reached("tick");
        await PassAndSettleAsync(grain, TimeSpan.FromHours(1));
        Assert.Equal(1, probe.CountOf("tick"));
    }

    [Fact]
    public async Task Without_a_due_time_there_is_no_tick_until_the_timer_is_changed()
    {
        var (grain, probe) = _silo.New<IPlainGrain>();
        IGrainTimer? timer = null;
        await grain.Do(self => { timer = Start(self, due: Timeout.InfiniteTimeSpan, period: Period); });
        await PassAndSettleAsync(grain, TimeSpan.FromHours(1));
        Assert.Equal(0, probe.CountOf("tick"));
        await grain.Do(_ => timer!.Change(Due, Period));
        await _silo.TickAsync(Due);
        await probe.Reached("tick");
    }

    [Fact]
    public async Task A_due_time_of_zero_ticks_at_once()
    {
        var (grain, probe) = _silo.New<IPlainGrain>();
        await grain.Do(self => Start(self, due: TimeSpan.Zero, period: Period));
        await _silo.PassAsync(TimeSpan.FromMilliseconds(1));
        await probe.Reached("tick");
    }

    [Fact]
    public async Task A_tick_is_a_turn_of_the_grain()
    {
        var (grain, probe) = _silo.New<IPlainGrain>();
        TaskScheduler? seen = null;
        await grain.Do(self => Start(self, () => seen = TaskScheduler.Current));
        await _silo.TickAsync(Due);
        await probe.Reached("tick");
        Assert.Same(await grain.Get(_ => TaskScheduler.Current), seen);
    }

    [Fact]
    public async Task A_tick_waits_for_the_running_call()
    {
        var (grain, probe) = _silo.New<IPlainGrain>();
        await grain.Do(self => Start(self));
        var call = grain.Do(async self =>
        {
            await self.Probe.Gate("call");
            self.Probe.Record("call ends");
        });
        await probe.Reached("call");
        await _silo.TickAsync(Due);
        await grain.DoInterleaved(_ => { });
        Assert.Equal(0, probe.CountOf("tick"));
        probe.Open("call");
        await Wait.For(call, "the call");
        await probe.Reached("tick");
        Assert.Equal(["call ends", "tick"], probe.Log[^2..]);
    }

    [Fact]
    public async Task A_tick_that_may_interleave_does_not_wait()
    {
        var (grain, probe) = _silo.New<IPlainGrain>();
        await grain.Do(self => Start(self, new GrainTimerCreationOptions(Due, Period) { Interleave = true }));
        var call = grain.Do(self => self.Probe.Gate("call"));
        await probe.Reached("call");
        await _silo.TickAsync(Due);
        await probe.Reached("tick");
        Assert.False(call.IsCompleted);
        probe.Open("call");
        await Wait.For(call, "the call");
    }

    [Fact]
    public async Task A_call_waits_for_the_running_tick()
    {
        var (grain, probe) = _silo.New<IPlainGrain>();
        await grain.Do(self => StartSlow(self));
        await _silo.TickAsync(Due);
        await probe.Reached("ticking");
        var call = grain.Do(self => self.Probe.Record("call"));
        await grain.DoInterleaved(_ => { });
        Assert.Equal(0, probe.CountOf("call"));
        probe.Open("ticking");
        await Wait.For(call, "the call");
        Assert.Equal(["ticked", "call"], probe.Log[^2..]);
    }

    [Fact]
    public async Task The_period_counts_from_the_end_of_a_tick()
    {
        var (grain, probe) = _silo.New<IPlainGrain>();
        await grain.Do(self => StartSlow(self));
        await _silo.TickAsync(Due);
        await probe.Reached("ticking");
        await _silo.PassAsync(TimeSpan.FromMinutes(10));
        await grain.DoInterleaved(_ => { });
        Assert.Equal(1, probe.CountOf("ticking"));
        probe.Open("ticking");
        await probe.Reached("ticked");
        await _silo.TickAsync(Period);
        await probe.Reached("ticked", 2);
    }

    [Fact]
    public async Task A_timer_can_be_changed_between_ticks()
    {
        var (grain, probe) = _silo.New<IPlainGrain>();
        IGrainTimer? timer = null;
        await grain.Do(self => { timer = Start(self); });
        await grain.Do(_ => timer!.Change(TimeSpan.FromMinutes(7), TimeSpan.FromMinutes(11)));
        await PassAndSettleAsync(grain, Due);
        Assert.Equal(0, probe.CountOf("tick"));
        await _silo.TickAsync(TimeSpan.FromMinutes(7) - Due);
        await probe.Reached("tick");
        await _silo.TickAsync(TimeSpan.FromMinutes(11));
        await probe.Reached("tick", 2);
    }

    [Fact]
    public async Task A_change_during_a_tick_holds_from_its_end()
    {
        var (grain, probe) = _silo.New<IPlainGrain>();
        IGrainTimer? timer = null;
        await grain.Do(self => { timer = Start(self, () => timer!.Change(TimeSpan.FromMinutes(13), Period)); });
        await _silo.TickAsync(Due);
        await probe.Reached("tick");
        await _silo.TickAsync(TimeSpan.FromMinutes(13));
        await probe.Reached("tick", 2);
    }

    [Fact]
    public async Task A_timer_that_is_disposed_of_does_not_tick()
    {
        var (grain, probe) = _silo.New<IPlainGrain>();
        await grain.Do(self =>
        {
            var timer = Start(self);
            timer.Dispose();
            timer.Dispose();
        });
        await PassAndSettleAsync(grain, TimeSpan.FromHours(1));
        Assert.Equal(0, probe.CountOf("tick"));
    }

    [Fact]
    public async Task A_timer_that_is_disposed_of_by_its_tick_has_ticked_for_the_last_time()
    {
        var (grain, probe) = _silo.New<IPlainGrain>();
        IGrainTimer? timer = null;
        await grain.Do(self => { timer = Start(self, () => timer!.Dispose()); });
        await _silo.TickAsync(Due);
        await probe.Reached("tick");
        await PassAndSettleAsync(grain, TimeSpan.FromHours(1));
        Assert.Equal(1, probe.CountOf("tick"));
    }

    [Fact]
    public async Task Timers_do_not_outlive_the_activation()
    {
        var (grain, probe) = _silo.New<IPlainGrain>();
        await grain.Do(self =>
        {
            Start(self);
            self.Leave();
        });
        await probe.Reached("deactivated");
        await PassAndSettleAsync(grain, TimeSpan.FromHours(1));
        Assert.Equal(0, probe.CountOf("tick"));
    }

    [Fact]
    public async Task A_tick_can_deactivate_its_grain()
    {
        var (grain, probe) = _silo.New<IPlainGrain>();
        await grain.Do(self => Start(self, self.Leave));
        await _silo.TickAsync(Due);
        await probe.Reached("deactivated ApplicationRequested");
        Assert.Equal(1, probe.CountOf("tick"));
    }

    [Fact]
    public async Task Deactivation_waits_for_the_running_tick()
    {
        var (grain, probe) = _silo.New<IPlainGrain>();
        await grain.Do(self => StartSlow(self));
        await _silo.TickAsync(Due);
        await probe.Reached("ticking");
        await grain.DoInterleaved(self => self.Leave());
        probe.Open("ticking");
        await probe.Reached("deactivated");
        Assert.Equal(["ticked", "deactivated ApplicationRequested", "deactivated"], probe.Log[^3..]);
    }

    [Fact]
    public async Task The_token_of_a_tick_is_cancelled_when_the_timer_ends()
    {
        var (grain, probe) = _silo.New<IPlainGrain>();
        CancellationToken token = default;
        await grain.Do(self => self.RegisterGrainTimer(
            cancellationToken =>
            {
                token = cancellationToken;
                self.Probe.Record("tick");
                return Task.CompletedTask;
            },
            new GrainTimerCreationOptions(Due, Period)));
        await _silo.TickAsync(Due);
        await probe.Reached("tick");
        Assert.False(token.IsCancellationRequested);
        await grain.Do(self => self.Leave());
        await probe.Reached("deactivated");
        Assert.True(token.IsCancellationRequested);
    }

    [Fact]
    public async Task A_timer_goes_on_after_a_tick_that_threw()
    {
        var (grain, probe) = _silo.New<IPlainGrain>();
        var activation = await grain.Activation();
        await grain.Do(self => Start(self, () => throw new InvalidDataException("at once")));
        await _silo.TickAsync(Due);
        await probe.Reached("tick");
        await _silo.TickAsync(Period);
        await probe.Reached("tick", 2);
        Assert.Equal(activation, await grain.Activation());
    }

    [Fact]
    public async Task A_timer_goes_on_after_a_tick_that_threw_after_an_await()
    {
        var (grain, probe) = _silo.New<IPlainGrain>();
        await grain.Do(self => self.RegisterGrainTimer(
            async () =>
            {
                await Task.Yield();
                self.Probe.Record("tick");
                throw new InvalidDataException("awaited");
            },
            new GrainTimerCreationOptions(Due, Period)));
        await _silo.TickAsync(Due);
        await probe.Reached("tick");
        await _silo.TickAsync(Period);
        await probe.Reached("tick", 2);
    }

    [Fact]
    public async Task A_timer_hands_its_state_to_each_tick()
    {
        var (grain, probe) = _silo.New<IPlainGrain>();
        await grain.Do(self => self.RegisterGrainTimer(
            static (state, _) =>
            {
                Probe.Of(state.Key).Record(state.Text);
                return Task.CompletedTask;
            },
            (self.Key, Text: "from the state"),
            new GrainTimerCreationOptions(Due, Period)));
        await _silo.TickAsync(Due);
        await probe.Reached("from the state");
    }

    [Fact]
    public async Task A_tick_belongs_to_no_call()
    {
        var (grain, probe) = _silo.New<IPlainGrain>();
        object? seen = "nothing";
        await grain.Do(self =>
        {
            RequestContext.Set("word", "from the call");
            Start(self, () => seen = RequestContext.Get("word"));
        });
        await _silo.TickAsync(Due);
        await probe.Reached("tick");
        Assert.Null(seen);
    }

    [Fact]
    public async Task Several_timers_of_a_grain_tick_each_at_its_time()
    {
        var (grain, probe) = _silo.New<IPlainGrain>();
        await grain.Do(self =>
        {
            Start(self, () => self.Probe.Record("first"), Due, Timeout.InfiniteTimeSpan);
            Start(self, () => self.Probe.Record("second"), Due * 2, Timeout.InfiniteTimeSpan);
        });
        await _silo.TickAsync(Due);
        await probe.Reached("first");
        Assert.Equal(0, probe.CountOf("second"));
        await _silo.TickAsync(Due);
        await probe.Reached("second");
        Assert.Equal(1, probe.CountOf("first"));
    }

    [Fact]
    public async Task Negative_times_are_refused()
    {
        var (grain, _) = _silo.New<IPlainGrain>();
        var negative = TimeSpan.FromSeconds(-5);
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => grain.Do(self => Start(self, due: negative, period: Period)));
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => grain.Do(self => Start(self, due: Due, period: negative)));
    }

    [Fact]
    public async Task A_timer_needs_a_callback()
    {
        var (grain, _) = _silo.New<IPlainGrain>();
        await Assert.ThrowsAsync<ArgumentNullException>(
            () => grain.Do(self => self.RegisterGrainTimer((Func<CancellationToken, Task>)null!, new GrainTimerCreationOptions(Due, Period))));
        await Assert.ThrowsAsync<ArgumentNullException>(
            () => grain.Do(self => self.RegisterGrainTimer((Func<Task>)null!, new GrainTimerCreationOptions(Due, Period))));
    }

    [Fact]
    public async Task A_timer_cannot_be_registered_from_outside_the_grain()
    {
        var (grain, _) = _silo.New<IPlainGrain>();
        var instance = await grain.Get(self => self);
        Assert.Throws<InvalidOperationException>(() => Start(instance));
        await Assert.ThrowsAsync<InvalidOperationException>(() => grain.Do(self => Task.Run(() => Start(self))));
    }

    private static IGrainTimer Start(ScriptedGrain self, Action? tick = null, TimeSpan? due = null, TimeSpan? period = null) =>
        Start(self, new GrainTimerCreationOptions(due ?? Due, period ?? Period), tick);

    private static IGrainTimer Start(ScriptedGrain self, GrainTimerCreationOptions options, Action? tick = null) => self.RegisterGrainTimer(
        () =>
        {
            try
            {
                tick?.Invoke();
            }
            finally
            {
                self.Probe.Record("tick");
            }

            return Task.CompletedTask;
        },
        options);

    private static IGrainTimer StartSlow(ScriptedGrain self) => self.RegisterGrainTimer(
        async () =>
        {
            await self.Probe.Gate("ticking");
            self.Probe.Record("ticked");
        },
        new GrainTimerCreationOptions(Due, Period));

    /// <summary>Lets time pass; a tick that is due in it has run when this returns, because the call stands behind it in the queue.</summary>
    private async Task PassAndSettleAsync(IPlainGrain grain, TimeSpan time)
    {
        await _silo.PassAsync(time);
        await Wait.For(grain.Do(_ => { }), "the call behind the ticks");
    }
}
