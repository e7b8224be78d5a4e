namespace Orchestrator.Simulator.Tests;

/// <summary>The simulator can fail: whatever is made wrong on purpose is found early, and told by a short schedule.</summary>
public sealed class MutantTests
{
    private const ulong SeedCount = 2_000;
    private const int StepsMax = 25;

    public static TheoryData<string, string> Mutants => new()
    {
        { nameof(Mutant.LeftoversLiveOn), "I3 I4 I5" },
        { nameof(Mutant.StopIgnored), "I5 I8" },
        { nameof(Mutant.ReleasedTwice), "I4 I5" },
        { nameof(Mutant.DebtDropped), "I6" },
        { nameof(Mutant.HolderForgotten), "I4" },
        { nameof(Mutant.StateNotStored), "I1 I2 I5 I6 I7 I8 I9" },
        { nameof(Mutant.ReminderForgotten), "I5 I6 I8" },
        { nameof(Mutant.AnswerMadeUp), "I6" },
        { nameof(Mutant.FailedStartNotForbidden), "I5 I9" },
        { nameof(Mutant.EndUndone), "I7 I6" },
        { nameof(Mutant.NothingFound), "I5 I8" },
        { nameof(Mutant.SweepsTheLiving), "I10" },
        { nameof(Mutant.LimitedLiveOn), "I3 I4 I5" },
    };

    [Theory]
    [MemberData(nameof(Mutants))]
    public void What_is_wrong_is_found_and_told_shortly(string name, string codes)
    {
        var mutant = Enum.Parse<Mutant>(name);
        var simulation = new Simulation(mutant);
        simulation.Run(1, SeedCount, findingsMax: 8, Environment.ProcessorCount);
        Assert.True(simulation.Findings.Count > 0, $"None of {SeedCount} seeds finds {mutant}.");
        Assert.All(simulation.Findings, finding => Assert.Contains(finding.Violation!.Code, codes));
        var shortest = simulation.Findings.Select(finding => new Shrinker(mutant).Shrink(finding)).MinBy(shrunk => shrunk.Decisions.Count)!;
        Assert.True(shortest.Decisions.Count <= StepsMax, $"{mutant} takes {shortest.Decisions.Count} steps: {string.Join("; ", shortest.Decisions)}");
    }

    [Fact]
    public void Every_mutant_is_tried() =>
        Assert.Equal(Enum.GetNames<Mutant>().Where(name => name != nameof(Mutant.None)).Order(StringComparer.Ordinal), Mutants.Select(row => (string)row[0]).Order(StringComparer.Ordinal));
}
