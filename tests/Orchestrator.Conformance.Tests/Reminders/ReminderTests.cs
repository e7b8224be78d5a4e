using Orleans;
using Orleans.Runtime;

namespace Orchestrator.Conformance.Reminders;

/// <summary>Each test has a silo of its own, so that no reminder but its own is due.</summary>
public sealed class ReminderTests : IAsyncLifetime
{
    private static readonly TimeSpan Due = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan Period = TimeSpan.FromMinutes(3);

    private readonly SiloFixture _silo = new();

    public Task InitializeAsync() => _silo.InitializeAsync();

    public Task DisposeAsync() => _silo.DisposeAsync();

    [Fact]
    public async Task A_reminder_ticks_when_it_is_due_and_then_once_in_each_period()
    {
        var (grain, probe) = _silo.New<IRemindedGrain>();
        await grain.Do(self => self.RegisterOrUpdateReminder("r", Due, Period));
        await _silo.TickAsync(Due);
        await probe.Reached("reminded r");
        await _silo.TickAsync(Period);
        await probe.Reached("reminded r", 2);
        await _silo.TickAsync(Period);
        await probe.Reached("reminded r", 3);
    }

    [Fact]
    public async Task A_tick_activates_the_grain()
    {
        var (grain, probe) = _silo.New<IRemindedGrain>();
        await grain.Do(async self =>
        {
            await self.RegisterOrUpdateReminder("r", Due, Period);
            self.Leave();
        });
        await probe.Reached("deactivated");
        await _silo.TickAsync(Due);
        await probe.Reached("reminded r");
        Assert.Equal(["constructed", "activated", "reminded r"], probe.Log[^3..]);
    }

    [Fact]
    public async Task A_tick_says_when_the_first_one_was_due_and_what_time_it_is()
    {
        var (grain, probe) = _silo.New<IRemindedGrain>();
        var ticks = new List<TickStatus>();
        probe.OnReminder = (_, _, status) =>
        {
            ticks.Add(status);
            return Task.CompletedTask;
        };
        var first = (_silo.Clock.GetUtcNow() + Due).UtcDateTime;
        await grain.Do(self => self.RegisterOrUpdateReminder("r", Due, Period));
        await _silo.TickAsync(Due);
        await probe.Reached("reminded r");
        await _silo.TickAsync(Period);
        await probe.Reached("reminded r", 2);
        Assert.Equal(
            [(first, Period, first), (first, Period, first + Period)],
            ticks.Select(tick => (tick.FirstTickTime, tick.Period, tick.CurrentTickTime)));
        Assert.All(ticks, tick => Assert.Equal(DateTimeKind.Utc, tick.CurrentTickTime.Kind));
    }

    [Fact]
    public async Task A_tick_is_a_turn_of_the_grain_and_waits_for_the_running_call()
    {
        var (grain, probe) = _silo.New<IRemindedGrain>();
        await grain.Do(self => self.RegisterOrUpdateReminder("r", Due, Period));
        var call = grain.Do(async self =>
        {
            await self.Probe.Gate("call");
            self.Probe.Record("call ends");
        });
        await probe.Reached("call");
        await _silo.TickAsync(Due);
        await grain.DoInterleaved(_ => { });
        Assert.Equal(0, probe.CountOf("reminded r"));
        probe.Open("call");
        await Wait.For(call, "the call");
        await probe.Reached("reminded r");
        Assert.Equal(["call ends", "reminded r"], probe.Log[^2..]);
    }

    [Fact]
    public async Task A_reminder_survives_a_restart()
    {
        var (grain, probe) = _silo.New<IRemindedGrain>();
        await grain.Do(self => self.RegisterOrUpdateReminder("r", Due, Period));
        await _silo.RestartAsync();
        await _silo.TickAsync(Due);
        await probe.Reached("reminded r");
    }

    [Fact]
    public async Task Ticks_missed_while_the_silo_was_down_are_not_made_up_and_the_next_comes_within_a_period()
    {
        var (grain, probe) = _silo.New<IRemindedGrain>();
        await grain.Do(self => self.RegisterOrUpdateReminder("r", Due, Period));
        await _silo.StopAsync();
        await _silo.PassAsync(Due + (10 * Period) + TimeSpan.FromMinutes(1));
        await _silo.RestartAsync();

        // One minute of the period is gone, so the next tick is due in two.
        await _silo.TickAsync(Period - TimeSpan.FromMinutes(1));
        await probe.Reached("reminded r");
        await _silo.TickAsync(Period);
        await probe.Reached("reminded r", 2);
        Assert.Equal(2, probe.CountOf("reminded r"));
    }

    [Fact]
    public async Task A_reminder_can_be_got_and_listed()
    {
        var (grain, _) = _silo.New<IRemindedGrain>();
        var (got, listed) = await grain.Ask(async self =>
        {
            var registered = await self.RegisterOrUpdateReminder("a", Due, Period);
            Assert.Equal("a", registered.ReminderName);
            await self.RegisterOrUpdateReminder("b", Due, Period);
            return ((await self.GetReminder("a"))?.ReminderName, (await self.GetReminders()).Select(reminder => reminder.ReminderName));
        });
        Assert.Equal("a", got);
        Assert.Equal(["a", "b"], listed.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Reminders_are_listed_for_their_own_grain_only()
    {
        var (grain, _) = _silo.New<IRemindedGrain>();
        var (other, _) = _silo.New<IRemindedGrain>();
        await grain.Do(self => self.RegisterOrUpdateReminder("r", Due, Period));
        Assert.Empty(await other.Ask(self => self.GetReminders()));
        Assert.Null(await other.Ask(self => self.GetReminder("r")));
    }

    [Fact]
    public async Task A_reminder_that_was_never_registered_is_null()
    {
        var (grain, _) = _silo.New<IRemindedGrain>();
        Assert.Null(await grain.Ask(self => self.GetReminder("unknown")));
    }

    [Fact]
    public async Task An_unregistered_reminder_is_gone_and_does_not_tick()
    {
        var (grain, probe) = _silo.New<IRemindedGrain>();
        var left = await grain.Ask(async self =>
        {
            var reminder = await self.RegisterOrUpdateReminder("r", Due, Period);
            await self.UnregisterReminder(reminder);
            return await self.GetReminders();
        });
        Assert.Empty(left);
        await _silo.PassAsync(TimeSpan.FromHours(1));
        await _silo.RestartAsync();
        await _silo.PassAsync(TimeSpan.FromHours(1));
        await Wait.For(_silo.Grains.GetGrain<IRemindedGrain>(grain.GetPrimaryKeyString()).Do(_ => { }), "a call behind the ticks");
        Assert.Equal(0, probe.CountOf("reminded r"));
    }

    [Fact]
    public async Task A_reminder_can_be_unregistered_twice_and_by_its_tick()
    {
        var (grain, probe) = _silo.New<IRemindedGrain>();
        probe.OnReminder = async (self, name, _) =>
        {
            var reminder = (await self.GetReminder(name))!;
            await self.UnregisterReminder(reminder);
            await self.UnregisterReminder(reminder);
            self.Probe.Record("unregistered");
        };
        await grain.Do(self => self.RegisterOrUpdateReminder("r", Due, Period));
        await _silo.TickAsync(Due);
        await probe.Reached("unregistered");
        await _silo.PassAsync(TimeSpan.FromHours(1));
        await grain.Do(_ => { });
        Assert.Equal(1, probe.CountOf("reminded r"));
    }

    [Fact]
    public async Task To_register_again_is_to_update()
    {
        var (grain, probe) = _silo.New<IRemindedGrain>();
        await grain.Do(async self =>
        {
            await self.RegisterOrUpdateReminder("r", Due, Period);
            await self.RegisterOrUpdateReminder("r", Due * 4, Period * 4);
        });
        Assert.Single(await grain.Ask(self => self.GetReminders()));
        await _silo.PassAsync(Due);
        await grain.Do(_ => { });
        Assert.Equal(0, probe.CountOf("reminded r"));
        await _silo.TickAsync(Due * 3);
        await probe.Reached("reminded r");
    }

    [Fact]
    public async Task A_tick_can_set_its_own_reminder_anew()
    {
        var (grain, probe) = _silo.New<IRemindedGrain>();
        probe.OnReminder = async (self, name, _) =>
        {
            if (self.Probe.CountOf("set anew") > 0) return;
            await self.RegisterOrUpdateReminder(name, TimeSpan.FromMinutes(7), Period);
            self.Probe.Record("set anew");
        };
        await grain.Do(self => self.RegisterOrUpdateReminder("r", Due, Period));
        await _silo.TickAsync(Due);
        await probe.Reached("set anew");
        await _silo.TickAsync(TimeSpan.FromMinutes(7));
        await probe.Reached("reminded r", 2);
    }

    [Fact]
    public async Task A_reminder_goes_on_after_a_tick_that_threw()
    {
        var (grain, probe) = _silo.New<IRemindedGrain>();
        probe.OnReminder = (_, _, _) => throw new InvalidDataException("not now");
        await grain.Do(self => self.RegisterOrUpdateReminder("r", Due, Period));
        await _silo.TickAsync(Due);
        await probe.Reached("reminded r");
        await _silo.TickAsync(Period);
        await probe.Reached("reminded r", 2);
    }

    [Fact]
    public async Task A_reminder_during_deactivation_is_served_by_the_next_activation()
    {
        var (grain, probe) = _silo.New<IRemindedGrain>();
        await grain.Do(self => self.RegisterOrUpdateReminder("r", Due, Period));
        probe.OnDeactivate = (self, _, _) => self.Probe.Gate("deactivating");
        await grain.Do(self => self.Leave());
        await probe.Reached("deactivating");
        await _silo.TickAsync(Due);
        probe.Open("deactivating");
        await probe.Reached("reminded r");
        Assert.Equal(["deactivated", "constructed", "activated", "reminded r"], probe.Log[^4..]);
    }

    [Fact]
    public async Task A_period_below_the_minimum_is_refused()
    {
        var (grain, _) = _silo.New<IRemindedGrain>();
        var exception = await Assert.ThrowsAsync<ArgumentException>(
            () => grain.Do(self => self.RegisterOrUpdateReminder("r", Due, TimeSpan.FromSeconds(59))));
        Assert.Contains("00:01:00", exception.Message, StringComparison.Ordinal);
        await grain.Do(self => self.RegisterOrUpdateReminder("r", Due, TimeSpan.FromMinutes(1)));
    }

    [Fact]
    public async Task Infinite_and_negative_times_are_refused()
    {
        var (grain, _) = _silo.New<IRemindedGrain>();
        foreach (var (due, period) in new[]
        {
            (TimeSpan.FromSeconds(-5), Period), (Timeout.InfiniteTimeSpan, Period), (Due, Timeout.InfiniteTimeSpan), (Due, TimeSpan.FromMinutes(-5)),
        })
        {
            await Assert.ThrowsAnyAsync<ArgumentException>(() => grain.Do(self => self.RegisterOrUpdateReminder("r", due, period)));
        }

        Assert.Empty(await grain.Ask(self => self.GetReminders()));
    }

    [Fact]
    public async Task A_reminder_without_a_name_is_refused()
    {
        var (grain, _) = _silo.New<IRemindedGrain>();
        await Assert.ThrowsAnyAsync<ArgumentException>(() => grain.Do(self => self.RegisterOrUpdateReminder("", Due, Period)));
        await Assert.ThrowsAnyAsync<ArgumentException>(() => grain.Do(self => self.RegisterOrUpdateReminder(null!, Due, Period)));
        await Assert.ThrowsAnyAsync<ArgumentException>(() => grain.Do(self => self.GetReminder("")));
    }

    [Fact]
    public async Task A_grain_that_is_not_IRemindable_cannot_be_reminded()
    {
        var (grain, _) = _silo.New<IPlainGrain>();
        await Assert.ThrowsAsync<InvalidOperationException>(() => grain.Do(self => self.RegisterOrUpdateReminder("r", Due, Period)));
    }
}
