using Orchestrator.Silo.Callbacks;
using Orchestrator.Testing;

namespace Orchestrator.Silo.Tests.Callbacks;

/// <summary>Who is woken when an origin answers again.</summary>
public sealed class CallbackOriginsTests
{
    private const string Here = "https://here:443";
    private readonly ManualClock _clock = new();
    private readonly CallbackOrigins _origins;

    public CallbackOriginsTests() => _origins = new(_clock);

    [Fact]
    public void The_first_success_wakes_all_who_wait_there_and_nobody_else()
    {
        Assert.Empty(Ended(Here, "a", 503));
        Assert.Empty(Ended(Here, "b", null));
        Assert.Empty(Ended("https://there:443", "c", null));
        Assert.Equal(["b"], Ended(Here, "a", 200));
        Assert.Empty(Ended(Here, "d", 200));
    }

    [Fact]
    public void A_success_without_a_failure_before_wakes_nobody() => Assert.Empty(Ended(Here, "a", 200));

    [Fact]
    public void A_task_that_fails_by_itself_is_woken_once_a_minute()
    {
        Ended(Here, "a", 401);
        Assert.Equal(["a"], Ended(Here, "b", 200));
        Ended(Here, "a", 401);
        Assert.Empty(Ended(Here, "b", 200));
        _clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(["a"], Ended(Here, "b", 200));
    }

    [Fact]
    public void A_task_whose_address_is_refused_waits_for_nothing()
    {
        Ended(Here, "a", 503);
        _origins.Ended(Here, "a", new(_clock.GetUtcNow(), null, "private", IsFinal: true));
        Assert.Empty(Ended(Here, "b", 200));
    }

    private IReadOnlyList<string> Ended(string origin, string task, int? status) => _origins.Ended(origin, task, new(_clock.GetUtcNow(), status, null));
}
