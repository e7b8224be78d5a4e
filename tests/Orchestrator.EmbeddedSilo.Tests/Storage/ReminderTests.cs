using System.Threading.Channels;
using Microsoft.Extensions.DependencyInjection;
using Orchestrator.Testing;
using Orleans;
using Orleans.Hosting;
using Orleans.Runtime;

namespace Orchestrator.EmbeddedSilo.Tests.Storage;

public interface IAlarmGrain : IGrainWithStringKey
{
    Task Set(string name, TimeSpan due, TimeSpan period);

    Task Remove(string name);

    Task<List<string>> Names();
}

public sealed class AlarmGrain(TickLog log) : Grain, IAlarmGrain, IRemindable
{
    public Task Set(string name, TimeSpan due, TimeSpan period) => this.RegisterOrUpdateReminder(name, due, period);

    public async Task Remove(string name) => await this.UnregisterReminder((await this.GetReminder(name))!);

    public async Task<List<string>> Names() => [.. (await this.GetReminders()).Select(reminder => reminder.ReminderName).Order(StringComparer.Ordinal)];

    public Task ReceiveReminder(string reminderName, TickStatus status)
    {
        log.Add($"{this.GetPrimaryKeyString()} {reminderName}");
        return Task.CompletedTask;
    }
}

public sealed class TickLog
{
    private readonly Channel<string> _ticks = Channel.CreateUnbounded<string>();

    public int Count { get; private set; }

    public void Add(string tick)
    {
        Count++;
        _ticks.Writer.TryWrite(tick);
    }

    public Task<string> NextAsync() => _ticks.Reader.ReadAsync().AsTask().Within("a reminder ticks");
}

public sealed class ReminderTests : IDisposable
{
    private static readonly TimeSpan TenMinutes = TimeSpan.FromMinutes(10);

    private readonly TemporaryFolder _folder = new();
    private readonly ManualClock _clock = new();
    private readonly TickLog _log = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(0, 10)]
    [InlineData(4, 6)]
    [InlineData(11, 9)]
    [InlineData(20, 10)]
    [InlineData(25, 5)]
    [InlineData(60 * 24 * 365, 10)]
    public async Task After_a_restart_the_first_tick_comes_where_it_was_due_and_in_a_period_at_most(int minutesDown, int minutesToFirstTick)
    {
        await using (var silo = await StartAsync()) await Alarm(silo).Set("r", TenMinutes, TenMinutes);
        _clock.Advance(TimeSpan.FromMinutes(minutesDown));
        await using var again = await StartAsync();
        Assert.Equal(["r"], await Alarm(again).Names());
        await TicksInAsync(TimeSpan.FromMinutes(minutesToFirstTick));
        await TicksInAsync(TenMinutes);
        Assert.Equal(2, _log.Count);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(-2)]
    public async Task A_wall_clock_that_jumps_neither_stops_ticks_nor_makes_them_storm(int hours)
    {
        await using (var silo = await StartAsync())
        {
            await Alarm(silo).Set("r", TenMinutes, TenMinutes);
            await TicksInAsync(TenMinutes);
            _clock.Advance(TimeSpan.FromMinutes(3));
            _clock.SetWallClockForward(TimeSpan.FromHours(hours));
            await TicksInAsync(TimeSpan.FromMinutes(7));
            for (var i = 0; i < 5; i++) await TicksInAsync(TenMinutes);
            Assert.Equal(7, _log.Count);
        }
    }

    [Fact]
    public async Task A_wall_clock_that_was_put_forward_while_the_silo_was_down_costs_a_period_at_most()
    {
        await using (var silo = await StartAsync()) await Alarm(silo).Set("r", TenMinutes, TenMinutes);
        _clock.SetWallClockForward(TimeSpan.FromHours(2) + TimeSpan.FromMinutes(1));
        await using var again = await StartAsync();
        await TicksInAsync(TimeSpan.FromMinutes(9));
        await TicksInAsync(TenMinutes);
        Assert.Equal(2, _log.Count);
    }

    [Fact]
    public async Task An_update_and_a_removal_are_durable()
    {
        await using (var silo = await StartAsync())
        {
            await Alarm(silo).Set("changed", TenMinutes, TenMinutes);
            await Alarm(silo).Set("removed", TenMinutes, TenMinutes);
            await Alarm(silo).Set("kept", TimeSpan.FromDays(1), TenMinutes);
            await Alarm(silo).Set("changed", TimeSpan.FromMinutes(30), TimeSpan.FromMinutes(20));
            await Alarm(silo).Remove("removed");
        }

        await using var again = await StartAsync();
        Assert.Equal(["changed", "kept"], await Alarm(again).Names());
        Assert.Equal("a changed", await TicksInAsync(TimeSpan.FromMinutes(30)));
        Assert.Equal("a changed", await TicksInAsync(TimeSpan.FromMinutes(20)));
        Assert.Equal(2, _log.Count);
    }

    [Fact]
    public async Task A_reminder_whose_write_failed_is_not_there()
    {
        await using var silo = await StartAsync();
        await silo.Database.WriteAsync(session => session.Execute("CREATE TRIGGER refuse BEFORE INSERT ON reminder BEGIN SELECT RAISE(ABORT, 'refused'); END"));
        Assert.Contains("refused", (await Assert.ThrowsAnyAsync<Exception>(() => Alarm(silo).Set("r", TenMinutes, TenMinutes).Within("it fails"))).Message, StringComparison.Ordinal);
        Assert.Empty(await Alarm(silo).Names());
    }

    [Fact]
    public async Task A_reminder_of_a_class_that_is_gone_does_not_stop_the_others()
    {
        await using (var silo = await StartAsync()) await Alarm(silo).Set("r", TenMinutes, TenMinutes);
        TemporaryFolder.Sql(_folder.Database, "INSERT INTO reminder SELECT 'gone/a', name, start_at, 3 * period FROM reminder");
        await using var again = await StartAsync();
        await TicksInAsync(TenMinutes);
        await TicksInAsync(TenMinutes);
    }

    private static IAlarmGrain Alarm(SqliteSilo silo) => silo.Grains.GetGrain<IAlarmGrain>("a");

    private Task<SqliteSilo> StartAsync() => SqliteSilo.StartAsync(
        _folder.Database, clock: _clock, configureSilo: silo => silo.ConfigureServices(services => services.AddSingleton(_log)));

    /// <summary>Checks that the next tick is due exactly then and not before, and lets it come.</summary>
    private async Task<string> TicksInAsync(TimeSpan time)
    {
        await _clock.TimerDueInAsync(time).Within($"a tick is due in {time}");
        var before = _log.Count;
        _clock.Advance(time - TimeSpan.FromMilliseconds(1));
        Assert.Equal(before, _log.Count);
        _clock.Advance(TimeSpan.FromMilliseconds(1));
        return await _log.NextAsync();
    }
}
