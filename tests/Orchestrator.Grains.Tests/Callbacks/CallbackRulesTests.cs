using Orchestrator.Grains.Callbacks;
using Orchestrator.Interfaces.Callbacks;

namespace Orchestrator.Grains.Tests.Callbacks;

/// <summary>What becomes of a callback after one try.</summary>
public sealed class CallbackRulesTests
{
    private static readonly DateTimeOffset Now = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData(200, CallbackState.Delivered)]
    [InlineData(204, CallbackState.Delivered)]
    [InlineData(299, CallbackState.Delivered)]
    [InlineData(null, CallbackState.Owed)]
    [InlineData(301, CallbackState.Owed)]
    [InlineData(302, CallbackState.Owed)]
    [InlineData(308, CallbackState.Owed)]
    [InlineData(400, CallbackState.Dead)]
    [InlineData(401, CallbackState.Owed)]
    [InlineData(403, CallbackState.Dead)]
    [InlineData(404, CallbackState.Owed)]
    [InlineData(405, CallbackState.Dead)]
    [InlineData(408, CallbackState.Owed)]
    [InlineData(409, CallbackState.Dead)]
    [InlineData(410, CallbackState.Dead)]
    [InlineData(413, CallbackState.Dead)]
    [InlineData(422, CallbackState.Dead)]
    [InlineData(425, CallbackState.Owed)]
    [InlineData(429, CallbackState.Owed)]
    [InlineData(499, CallbackState.Dead)]
    [InlineData(500, CallbackState.Owed)]
    [InlineData(503, CallbackState.Owed)]
    [InlineData(599, CallbackState.Owed)]
    public void A_status_decides(int? status, CallbackState expected) => Assert.Equal(expected, Ended(new(Now, status, null)).State);

    [Theory]
    [InlineData(null)]
    [InlineData(200)]
    [InlineData(503)]
    public void A_final_try_makes_a_dead_letter_whatever_its_status(int? status) =>
        Assert.Equal(CallbackState.Dead, Ended(new(Now, status, "address", IsFinal: true)).State);

    [Theory]
    [InlineData(1, null, 5)]
    [InlineData(2, null, 15)]
    [InlineData(3, null, 45)]
    [InlineData(4, null, 300)]
    [InlineData(50, null, 300)]
    [InlineData(1, 2, 5)]
    [InlineData(1, 60, 60)]
    [InlineData(4, 60, 300)]
    [InlineData(4, 3600, 3600)]
    [InlineData(1, 3601, 3600)]
    [InlineData(1, -7, 5)]
    public void The_next_try_is_due_after(int tryCount, int? retryAfter, int expectedSeconds)
    {
        var next = Ended(new(Now, 503, null, RetryAfterSeconds: retryAfter), new() { Owed = Owed(1), TryCount = tryCount - 1 });
        Assert.Equal(Now.AddSeconds(expectedSeconds), next.NextTryAt);
    }

    [Theory]
    [InlineData(-60, CallbackState.Dead)]
    [InlineData(0, CallbackState.Owed)]
    public void It_is_given_up_when_the_next_try_would_come_more_than_a_day_after_the_first(int seconds, CallbackState expected)
    {
        var first = Now - TimeSpan.FromHours(24) + TimeSpan.FromMinutes(5) + TimeSpan.FromSeconds(seconds);
        Assert.Equal(expected, Ended(new(Now, 503, null), new() { Owed = Owed(1), TryCount = 100, FirstTryAt = first }).State);
    }

    [Fact]
    public void The_end_of_a_try_of_a_settled_or_unknown_callback_changes_nothing()
    {
        var state = CallbackRules.End(CallbackRules.Deliver(new(), Owed(1), Now), "r1", new(Now, 200, null), Now);
        Assert.Same(state, CallbackRules.End(state, "r1", new(Now, 500, null), Now));
        Assert.Same(state, CallbackRules.End(state, "r9", new(Now, 500, null), Now));
        Assert.Same(state, CallbackRules.Deliver(state, Owed(1), Now));
    }

    [Fact]
    public void The_latest_twenty_tries_are_kept()
    {
        var state = CallbackRules.Deliver(new(), Owed(1), Now);
        for (var i = 1; i <= 25; i++) state = CallbackRules.End(state, "r1", new(Now.AddSeconds(i), 500, null), Now.AddSeconds(i));
        var record = Assert.Single(state.Callbacks);
        Assert.Equal((25, 20, Now.AddSeconds(6), Now.AddSeconds(1)), (record.TryCount, record.Tries.Count, record.Tries[0].At, record.FirstTryAt));
    }

    private static OwedCallback Owed(int run) => new($"r{run}", "completed", "https://example.com", "{}", "secret", null);

    private static CallbackRecord Ended(CallbackTry result, CallbackRecord? record = null) =>
        Assert.Single(CallbackRules.End(new() { Callbacks = [record ?? new() { Owed = Owed(1) }] }, "r1", result, Now).Callbacks);
}
