using Orchestrator.Silo.Configuration;
using Orchestrator.Silo.Machines.Cleanup;

namespace Orchestrator.Silo.Tests.Machines.Cleanup;

public sealed class SweepPlanTests
{
    private static readonly DateTimeOffset Now = new(2026, 6, 1, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void Those_that_ended_longest_ago_go_first()
    {
        var choices = Choose([Kept("b", 9), Kept("c", 8), Kept("a", 10), Kept("young", 6.9)]);
        Assert.Equal(["a", "b", "c"], Names(choices));
        Assert.All(choices, choice => Assert.Equal(("its task ended more than 7 days ago", false), (choice.Reason, choice.OnlyClean)));
    }

    [Fact]
    public void The_oldest_go_when_there_are_too_many() =>
        Assert.Equal(["t5", "t4"], Names(Choose([.. Enumerable.Range(1, 5).Select(days => Kept($"t{days}", days))], options => options.WorktreeCountMax = 3)));

    [Fact]
    public void The_oldest_go_until_the_home_is_small_enough()
    {
        List<KeptWorktree> kept = [.. Enumerable.Range(1, 4).Select(days => Kept($"t{days}", days) with { Bytes = 100 })];
        Assert.Equal(["t4", "t3"], Names(Choose(kept, options => options.HomeBytesMax = 300, homeBytes: 450)));
        Assert.Empty(Choose(kept, options => options.HomeBytesMax = 300, homeBytes: 300));
    }

    [Fact]
    public void On_a_full_disk_all_may_go_that_have_nothing_to_save()
    {
        var choices = Choose([Kept("young", 1), Kept("old", 8)], isDiskFull: true);
        Assert.Equal([("old", false), ("young", true)], choices.Select(choice => (choice.Worktree.Session.TaskId, choice.OnlyClean)));
    }

    [Theory]
    [InlineData(-2)]
    [InlineData(-24 * 365 * 30)]
    public void An_end_in_the_future_is_no_age(double hours) => Assert.Empty(Choose([Kept("t1", hours / 24)], options => options.WorktreeAgeMax = TimeSpan.Zero));

    [Fact]
    public void After_a_jump_of_the_clock_nothing_is_old()
    {
        Assert.Empty(Choose([Kept("t1", 10_000)], isClockSound: false));
        Assert.Equal(["t1"], Names(Choose([Kept("t1", 10_000), Kept("t2", 1)], options => options.WorktreeCountMax = 1, isClockSound: false)));
    }

    private static IReadOnlyList<WorktreeChoice> Choose(
        IReadOnlyList<KeptWorktree> kept, Action<CleanupOptions>? configure = null, long homeBytes = 0, bool isClockSound = true, bool isDiskFull = false)
    {
        var options = new CleanupOptions();
        configure?.Invoke(options);
        return SweepPlan.Choose(kept, options, Now, homeBytes, isClockSound, isDiskFull);
    }

    private static KeptWorktree Kept(string taskId, double daysAgo) => new(new(taskId, 1, 1), "acme/web", Now - TimeSpan.FromDays(daysAgo));

    private static IEnumerable<string> Names(IEnumerable<WorktreeChoice> choices) => choices.Select(choice => choice.Worktree.Session.TaskId);
}
