using Orchestrator.Interfaces.Callbacks;

namespace Orchestrator.Grains.Tests.Callbacks;

/// <summary>The schedule of callbacks, by a clock that the test moves.</summary>
public sealed class CallbackGrainTests : IAsyncLifetime
{
    private static readonly TimeSpan Millisecond = TimeSpan.FromMilliseconds(1);
    private static readonly TimeSpan Lost = TimeSpan.FromMinutes(3);

    private CallbackTestBed _bed = null!;

    public async Task InitializeAsync() => _bed = await CallbackTestBed.StartAsync();

    public async Task DisposeAsync() => await _bed.DisposeAsync();

    [Fact]
    public async Task A_callback_is_stored_tried_at_once_and_told_when_delivered()
    {
        await _bed.Grain.DeliverAsync(CallbackTestBed.Owed());
        Assert.Contains("task-1-r1-completed", _bed.Host.Storage.Read("callback", "task-1"), StringComparison.Ordinal);

        var settled = await _bed.SettleAsync(await _bed.TryAsync(), 200);

        Assert.Equal(("task-1-r1-completed", CallbackState.Delivered), settled);
        var shown = await _bed.ShownAsync();
        Assert.Equal((CallbackState.Delivered, null, 1), (shown.State, shown.NextTryAt, shown.Tries.Count));
        Assert.DoesNotContain("secret", _bed.Host.Storage.Read("callback", "task-1")!.Replace("\"secret\":\"\"", "", StringComparison.Ordinal), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Tries_come_after_5_15_and_45_seconds_then_every_5_minutes()
    {
        await _bed.Grain.DeliverAsync(CallbackTestBed.Owed());
        foreach (var seconds in new[] { 5, 15, 45, 300, 300, 300 })
        {
            var wait = TimeSpan.FromSeconds(seconds);
            await _bed.EndAsync(await _bed.TryAsync(), 503, wait);
            Assert.Equal(_bed.Clock.GetUtcNow() + wait, (await _bed.ShownAsync()).NextTryAt);
            _bed.Clock.Advance(wait - Millisecond);
            Assert.Equal(0, _bed.Transport.Begun.Reader.Count);
            _bed.Clock.Advance(Millisecond);
        }

        await _bed.SettleAsync(await _bed.TryAsync(), 204);
        Assert.Equal([503, 503, 503, 503, 503, 503, 204], (await _bed.ShownAsync()).Tries.Select(once => once.Status!.Value));
    }

    [Fact]
    public async Task After_24_hours_it_is_a_dead_letter()
    {
        await _bed.Grain.DeliverAsync(CallbackTestBed.Owed());
        var began = _bed.Clock.GetUtcNow();
        TimeSpan[] waits = [TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(15), TimeSpan.FromSeconds(45), .. Enumerable.Repeat(TimeSpan.FromMinutes(5), 287)];
        foreach (var wait in waits)
        {
            await _bed.EndAsync(await _bed.TryAsync(), null, wait);
            _bed.Clock.Advance(wait);
        }

        // The next one would be due 24 h and 1:05 after the first.
        var settled = await _bed.SettleAsync(await _bed.TryAsync(), null);

        Assert.Equal(CallbackState.Dead, settled.State);
        Assert.InRange(_bed.Clock.GetUtcNow() - began, TimeSpan.FromHours(23.9), TimeSpan.FromHours(24));
        Assert.Equal(20, (await _bed.ShownAsync()).Tries.Count);
    }

    [Fact]
    public async Task Only_the_first_one_owed_is_tried_and_the_next_when_it_is_settled()
    {
        await _bed.Grain.DeliverAsync(CallbackTestBed.Owed(1));
        await _bed.Grain.DeliverAsync(CallbackTestBed.Owed(2));
        var first = await _bed.TryAsync();
        await _bed.EndAsync(first, 500, TimeSpan.FromSeconds(5));
        Assert.Equal(0, _bed.Transport.Begun.Reader.Count);
        Assert.Null((await _bed.ShownAsync(1)).NextTryAt);
        _bed.Clock.Advance(TimeSpan.FromSeconds(5));

        Assert.Equal(first.Id, (await _bed.TryAsync()).Id);
        Assert.Equal((first.Id, CallbackState.Dead), await _bed.SettleAsync(first, 410));
        Assert.Equal("task-1-r2-completed", (await _bed.TryAsync()).Id);
    }

    [Fact]
    public async Task A_repeated_delivery_changes_nothing_and_a_settled_one_is_told_again()
    {
        await _bed.Grain.DeliverAsync(CallbackTestBed.Owed());
        await _bed.Grain.DeliverAsync(CallbackTestBed.Owed());
        await _bed.SettleAsync(await _bed.TryAsync(), 200);

        await _bed.Grain.DeliverAsync(CallbackTestBed.Owed());

        Assert.Equal(("task-1-r1-completed", CallbackState.Delivered), await _bed.SettledAsync());
        Assert.Equal(0, _bed.Transport.Begun.Reader.Count);
        Assert.Single(await _bed.Grain.GetAsync());
    }

    [Fact]
    public async Task A_restart_keeps_the_schedule()
    {
        await _bed.Grain.DeliverAsync(CallbackTestBed.Owed());
        await _bed.EndAsync(await _bed.TryAsync(), 500, TimeSpan.FromSeconds(5));
        _bed.Clock.Advance(TimeSpan.FromSeconds(2));
        await _bed.Host.RestartAsync();

        Assert.Equal(CallbackState.Owed, (await _bed.ShownAsync()).State);
        _bed.Clock.Advance(TimeSpan.FromSeconds(3) - Millisecond);
        Assert.Equal(0, _bed.Transport.Begun.Reader.Count);
        _bed.Clock.Advance(Millisecond);
        Assert.Equal(2, (await EndAndShowAsync(await _bed.TryAsync(), TimeSpan.FromSeconds(15))).Tries.Count);
    }

    [Fact]
    public async Task A_try_that_was_under_way_at_a_restart_is_made_again_by_Wake()
    {
        await _bed.Grain.DeliverAsync(CallbackTestBed.Owed());
        await _bed.TryAsync();
        await _bed.Host.RestartAsync();
        await _bed.Grain.Wake();
        await _bed.SettleAsync(await _bed.TryAsync(), 200);
    }

    [Fact]
    public async Task A_try_that_nobody_reports_is_begun_again_after_3_minutes()
    {
        var timer = _bed.Clock.TimerDueInAsync(Lost);
        await _bed.Grain.DeliverAsync(CallbackTestBed.Owed());
        var lost = await _bed.TryAsync();
        await CallbackTestBed.WithinAsync(timer, "no timer for a lost try");
        _bed.Clock.Advance(Lost - Millisecond);
        Assert.Equal(0, _bed.Transport.Begun.Reader.Count);
        _bed.Clock.Advance(Millisecond);

        Assert.Equal(lost.Id, (await _bed.TryAsync()).Id);
    }

    [Fact]
    public async Task Wake_tries_at_once_but_never_two_at_a_time()
    {
        await _bed.Grain.DeliverAsync(CallbackTestBed.Owed());
        var first = await _bed.TryAsync();
        await _bed.Grain.Wake();
        await _bed.EndAsync(first, null, TimeSpan.FromSeconds(5));
        Assert.Equal(0, _bed.Transport.Begun.Reader.Count);

        await _bed.Grain.Wake();
        await _bed.SettleAsync(await _bed.TryAsync(), 200);
    }

    [Fact]
    public async Task A_delivery_that_cannot_be_stored_fails_and_can_be_repeated()
    {
        _bed.Host.Storage.FailNextWrite("callback");
        await Assert.ThrowsAnyAsync<Exception>(() => _bed.Grain.DeliverAsync(CallbackTestBed.Owed()));
        Assert.Equal(0, _bed.Transport.Begun.Reader.Count);

        await _bed.Grain.DeliverAsync(CallbackTestBed.Owed());
        await _bed.SettleAsync(await _bed.TryAsync(), 200);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_end_that_cannot_be_stored_is_made_good_by_the_reminder(bool isWritten)
    {
        await _bed.Grain.DeliverAsync(CallbackTestBed.Owed());
        var once = await _bed.TryAsync();
        if (isWritten) _bed.Host.Storage.LoseNextAnswer("callback");
        else _bed.Host.Storage.FailNextWrite("callback");
        await _bed.Grain.TryEnded(once.Id, new(_bed.Clock.GetUtcNow(), 500, null));
        await WaitForTriesAsync(isWritten ? 1 : 0);

        _bed.Clock.Advance(TimeSpan.FromMinutes(1));
        await _bed.SettleAsync(await _bed.TryAsync(), 200);
        Assert.Equal(isWritten ? 2 : 1, (await _bed.ShownAsync()).Tries.Count);
    }

    [Fact]
    public async Task A_receiver_can_put_us_off_for_an_hour_at_most()
    {
        await _bed.Grain.DeliverAsync(CallbackTestBed.Owed());
        await _bed.EndAsync(await _bed.TryAsync(), 429, TimeSpan.FromSeconds(90), retryAfter: 90);
        _bed.Clock.Advance(TimeSpan.FromSeconds(90));
        await _bed.EndAsync(await _bed.TryAsync(), 503, TimeSpan.FromHours(1), retryAfter: 86400);
        _bed.Clock.Advance(TimeSpan.FromHours(1) - Millisecond);
        Assert.Equal(0, _bed.Transport.Begun.Reader.Count);
        _bed.Clock.Advance(Millisecond);
        await _bed.TryAsync();
    }

    [Fact]
    public async Task A_wall_clock_that_was_set_back_does_not_hold_a_try_back_for_long()
    {
        await _bed.Grain.DeliverAsync(CallbackTestBed.Owed());
        await _bed.EndAsync(await _bed.TryAsync(), 500, TimeSpan.FromSeconds(5));
        _bed.Clock.SetWallClockForward(TimeSpan.FromDays(-1));
        _bed.Clock.Advance(TimeSpan.FromSeconds(5));
        await _bed.TryAsync();
    }

    private async Task<CallbackSnapshot> EndAndShowAsync(OwedCallback callback, TimeSpan nextIn)
    {
        await _bed.EndAsync(callback, 500, nextIn);
        return await _bed.ShownAsync();
    }

    /// <summary>Calls are served in turn: the answer comes from the activation that has taken the report, or from the one after it.</summary>
    private async Task WaitForTriesAsync(int count)
    {
        using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while ((await _bed.ShownAsync()).Tries.Count != count) timeout.Token.ThrowIfCancellationRequested();
    }
}
