using Orchestrator.Torture.Parts;
using Xunit.Abstractions;

namespace Orchestrator.Torture.Tests.Parts;

/// <summary>Kills of the service at random moments: a small dose of <c>scripts/torture.sh kills</c>.</summary>
public sealed class KillTests(ITestOutputHelper output)
{
    [Fact]
    public async Task A_service_that_is_killed_twenty_times_at_any_moment_keeps_every_invariant()
    {
        var report = new TortureReport("kills", output.WriteLine);
        await new KillCycles(Seed: 20261126, Cycles: 20, Places: 2).RunAsync(report);
        Assert.Empty(report.Findings);
    }

    [Fact]
    public async Task Eight_living_agents_are_adopted_and_are_the_same_ones()
    {
        var report = new TortureReport("adoption", output.WriteLine);
        await new AdoptionRun(Agents: 8, Rounds: 1).RunAsync(report);
        Assert.Empty(report.Findings);
    }
}
