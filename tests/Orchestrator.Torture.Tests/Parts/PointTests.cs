using Orchestrator.Torture.Parts;
using Orchestrator.TortureTarget;
using Xunit.Abstractions;

namespace Orchestrator.Torture.Tests.Parts;

/// <summary>Kills of the service at each named point: a small dose of <c>scripts/torture.sh points</c>.</summary>
public sealed class PointTests(ITestOutputHelper output)
{
    [Fact]
    public async Task A_service_that_is_killed_at_any_named_point_keeps_every_invariant_and_every_point_is_hit()
    {
        var report = new TortureReport("points", output.WriteLine);
        await new PointTable(Seed: 1, Seeds: 1, [FailTarget.Service], Places: 3).RunAsync(report);
        Assert.Empty(report.Findings);
    }

    [Fact]
    public void Every_point_has_a_name_of_its_own() =>
        Assert.Distinct(FailPointNames.All.Concat(FailPointNames.Host));
}
