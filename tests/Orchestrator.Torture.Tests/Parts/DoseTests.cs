using Orchestrator.Torture.Parts;
using Orchestrator.TortureTarget;
using Xunit.Abstractions;

namespace Orchestrator.Torture.Tests.Parts;

/// <summary>Kills of the service, at random moments and at each named point, in small doses.</summary>
public sealed class KillTests(ITestOutputHelper output)
{
    [Fact]
    public async Task A_service_that_is_killed_twenty_times_at_any_moment_keeps_every_invariant()
    {
        var report = new TortureReport("kills", output.WriteLine);
        await new KillCycles(Seed: 20261126, Cycles: 20, Places: 2).RunAsync(report);
        Assert.Empty(report.Findings);
    }
}

/// <summary>Kills of the service at each named point, in small doses.</summary>
public sealed class PointTests(ITestOutputHelper output)
{
    [Fact]
    public async Task A_service_that_is_killed_at_any_named_point_keeps_every_invariant_and_every_point_is_hit()
    {
        var report = new TortureReport("points", output.WriteLine);
        await new PointTable(Seed: 1, Seeds: 1, [FailTarget.Service], Places: 3).RunAsync(report);
        Assert.Empty(report.Findings);
    }
}
