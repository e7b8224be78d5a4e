using Orchestrator.Torture.Parts;
using Xunit.Abstractions;

namespace Orchestrator.Torture.Tests.Parts;

/// <summary>Many of one thing: small doses of the other parts of <c>scripts/torture.sh</c>.</summary>
public sealed class FloodTests(ITestOutputHelper output)
{
    [Fact]
    public Task Two_hundred_ends_reach_a_receiver_that_refuses_a_third_of_all_tries() =>
        FindsNothingAsync("callbacks", new CallbackRun(Seed: 3, Count: 200, FailuresPercent: 30, Kills: 1).RunAsync);

    [Fact]
    public Task Twenty_four_tasks_of_one_repository_are_not_in_the_way_of_each_other() => FindsNothingAsync("git", new GitRun(Count: 24).RunAsync);

    [Fact]
    public Task Cancels_at_random_moments_end_whole_trees() => FindsNothingAsync("cancels", new CancelRun(Seed: 5, Count: 8, AtOnce: 8).RunAsync);

    [Fact]
    public Task Prompts_of_every_size_reach_the_agent_byte_for_byte() => FindsNothingAsync("prompts", new PromptRun(Seed: 7, Count: 200, AtOnce: 4).RunAsync);

    private async Task FindsNothingAsync(string part, Func<TortureReport, Task> run)
    {
        var report = new TortureReport(part, output.WriteLine);
        await run(report);
        Assert.Empty(report.Findings);
    }
}
