using Orchestrator.Silo.Agents;
using Orchestrator.Silo.Agents.Output;
using Orchestrator.Silo.Configuration;

namespace Orchestrator.Silo.Tests.Agents;

/// <summary>The forms in which usage limits say when they end, and which words are one.</summary>
public sealed class ResetTimesTests
{
    /// <summary>A Thursday.</summary>
    private static readonly DateTimeOffset Now = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData("1767276000", "2026-01-01T14:00:00Z")]
    [InlineData("1767276000000", "2026-01-01T14:00:00Z")]
    [InlineData("2026-01-01T14:00:00Z", "2026-01-01T14:00:00Z")]
    [InlineData("2026-01-01T16:30:00.123+02:00. Bye", "2026-01-01T14:30:00.123Z")]
    [InlineData("2026-01-02 01:00", "2026-01-02T01:00:00Z")]
    [InlineData("3pm (UTC)", "2026-01-01T15:00:00Z")]
    [InlineData("3pm (Europe/Berlin)", "2026-01-01T14:00:00Z")]
    [InlineData("3:30 PM (America/Argentina/Buenos_Aires)", "2026-01-01T18:30:00Z")]
    [InlineData("12am (UTC) · /upgrade to increase", "2026-01-02T00:00:00Z")]
    [InlineData("11am (UTC)", "2026-01-02T11:00:00Z")]
    [InlineData("at 15:45 UTC", "2026-01-01T15:45:00Z")]
    [InlineData("tomorrow at 3am (UTC)", "2026-01-02T03:00:00Z")]
    [InlineData("Jan 5 at 10am (UTC)", "2026-01-05T10:00:00Z")]
    [InlineData("Jan 5, 10:15am (Europe/Berlin)", "2026-01-05T09:15:00Z")]
    [InlineData("January 5th, 2026 at 10am (UTC)", "2026-01-05T10:00:00Z")]
    [InlineData("Monday 9am (UTC)", "2026-01-05T09:00:00Z")]
    [InlineData("Thu 9am (UTC)", "2026-01-08T09:00:00Z")]
    [InlineData("in 2 hours 5 minutes", "2026-01-01T14:05:00Z")]
    [InlineData("in 2 hours and 5 minutes.", "2026-01-01T14:05:00Z")]
    [InlineData("2h 5m 30s", "2026-01-01T14:05:30Z")]
    [InlineData("in 45 min", "2026-01-01T12:45:00Z")]
    [InlineData("1 day, 1 hour", "2026-01-02T13:00:00Z")]
    [InlineData("1767200000", null)] // past
    [InlineData("1799999999", null)] // more than 8 days
    [InlineData("2025-12-31T00:00:00Z", null)]
    [InlineData("in 9 days", null)]
    [InlineData("in 0 minutes", null)]
    [InlineData("Dec 31 at 10am (UTC)", null)] // in a year
    [InlineData("3pm (Nowhere/Atlantis)", null)]
    [InlineData("25:00 (UTC)", null)]
    [InlineData("13pm (UTC)", null)]
    [InlineData("7", null)]
    [InlineData("Feb 30 at 3pm (UTC)", null)]
    [InlineData("99999999999999999999", null)]
    [InlineData("soon", null)]
    [InlineData("", null)]
    public void A_time_is_read_in_every_known_form_and_nonsense_is_not_known(string text, string? expected) =>
        Assert.Equal(expected is null ? null : DateTimeOffset.Parse(expected, System.Globalization.CultureInfo.InvariantCulture), ResetTimes.Parse(text, Now));

    [Theory]
    [InlineData(40)]
    [InlineData(1000)]
    public void A_sum_of_more_days_than_there_are_is_not_known(int count) =>
        Assert.Null(ResetTimes.Parse("in " + string.Concat(Enumerable.Repeat("99999d ", count)), Now));

    [Fact]
    public void A_time_of_day_in_an_hour_that_summer_time_leaves_out_is_the_hour_after_it() =>
        Assert.Equal(new DateTimeOffset(2026, 3, 29, 1, 30, 0, TimeSpan.Zero), ResetTimes.Parse("2:30am (Europe/Berlin)", new(2026, 3, 28, 23, 0, 0, TimeSpan.Zero)));

    [Theory]
    [InlineData(null, "Claude AI usage limit reached|1767276000", "2026-01-01T14:00:00Z")]
    [InlineData(429L, "5-hour limit reached ∙ resets 3pm (UTC)", "2026-01-01T15:00:00Z")]
    [InlineData(429L, "You've hit your limit · resets 3pm (Europe/Berlin)", "2026-01-01T14:00:00Z")]
    [InlineData(429L, "You've hit your session limit · resets 6:30pm (UTC)", "2026-01-01T18:30:00Z")]
    [InlineData(429L, "You've hit your weekly limit · resets Jan 5, 5pm (UTC)", "2026-01-05T17:00:00Z")]
    [InlineData(429L, "You're out of extra usage · resets 3pm (UTC)", "2026-01-01T15:00:00Z")]
    [InlineData(429L, "API Error: Request rejected (429) · Weekly limit reached. Try again in 2 hours 5 minutes.", "")]
    [InlineData(429L, "Opus weekly limit reached", "")]
    [InlineData(429L, "You have reached your usage limit.", "")]
    [InlineData(429L, "You've hit your limit · resets someday", "")]
    [InlineData(429L, "API Error: Request rejected (429) · This request would exceed your account's rate limit. Please try again later.", null)]
    [InlineData(529L, "Overloaded", null)]
    [InlineData(500L, "You've hit your limit · resets 3pm (UTC)", null)]
    [InlineData(400L, "Your credit balance is too low to access the Anthropic API.", null)]
    public void Claudes_words_for_a_usage_limit_are_told_from_a_rate_limit_that_passes(long? status, string text, string? expected)
    {
        var rule = BuiltInAgents.Rows(new MachineOptions()).Single(row => row.Name == "claude").UsageLimits;
        var limit = rule.Match(status, text, Now);
        if (expected is null) Assert.Null(limit);
        else if (expected.Length > 0) Assert.Equal(DateTimeOffset.Parse(expected, System.Globalization.CultureInfo.InvariantCulture), limit!.ResetsAt);
        else Assert.NotNull(limit);
        if (text.EndsWith("minutes.", StringComparison.Ordinal)) Assert.Equal(Now.AddMinutes(125), limit!.ResetsAt);
    }

    [Fact]
    public void A_configured_pattern_serves_every_agent_and_goes_before_the_built_in_ones()
    {
        var rows = BuiltInAgents.Rows(new MachineOptions { UsageLimitPatterns = ["quota spent until (?<reset>.+)"] });
        Assert.All(rows, row => Assert.Equal(Now.AddHours(2), row.UsageLimits.Match(null, "QUOTA spent until 2026-01-01T14:00:00Z", Now)!.ResetsAt));
        Assert.Null(BuiltInAgents.Rows(new MachineOptions())[0].UsageLimits.Match(null, "usage limit reached|1767276000", Now));
    }

    [Fact]
    public void A_pattern_that_goes_astray_is_given_up()
    {
        var rule = new UsageLimitRule(["^(a+)+$", "limit"]);
        Assert.NotNull(rule.Match(null, new string('a', 60) + "! limit", Now));
    }
}
