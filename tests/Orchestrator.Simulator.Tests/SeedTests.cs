using Orchestrator.Grains.AgentTasks;
using Orchestrator.Interfaces.AgentTasks;

namespace Orchestrator.Simulator.Tests;

/// <summary>Every promise is kept over many seeds, and everything that there is comes about in them.</summary>
public sealed class SeedTests
{
    private const ulong SeedCount = 10_000;

    /// <summary>Calls that a task's grain cannot get in that phase, whatever is lost, doubled or late; each with its reason.</summary>
    private static readonly Dictionary<string, string> Impossible = [];

    [Fact]
    public void Ten_thousand_seeds_keep_every_promise_and_reach_every_event_in_every_phase()
    {
        var simulation = new Simulation();
        simulation.Run(1, SeedCount, findingsMax: 1, Environment.ProcessorCount);
        Assert.True(simulation.Findings.Count == 0, Tell(simulation.Findings));
        Assert.Equal([], Missing(simulation.Coverage));
    }

    [Fact]
    public void The_same_seed_goes_the_same_way()
    {
        for (ulong seed = 1; seed <= 20; seed++) Assert.Equal(Story(seed), Story(seed));
    }

    /// <summary>What no seed reached. New phases, calls, effects and verdicts are found by reflection: who adds one teaches it to the simulator, or says here why it cannot come.</summary>
    private static List<string> Missing(Coverage coverage)
    {
        var missing = new List<string>();
        var calls = typeof(IAgentTaskGrain).GetMethods().Select(method => method.Name.EndsWith("Async", StringComparison.Ordinal) ? method.Name[..^5] : method.Name).Append("Reminder").Append("Tick").ToList();
        foreach (var phase in Enum.GetValues<AgentTaskPhase>())
        {
            foreach (var call in calls)
            {
                if (coverage.OfEvent(phase, call) == 0 && !Impossible.ContainsKey($"{phase} × {call}") && !Impossible.ContainsKey($"{phase} × *")) missing.Add($"{phase} × {call}");
            }
        }

        missing.AddRange(Impossible.Keys.Where(key => coverage.Counts.GetValueOrDefault(key) > 0).Select(key => $"{key} is possible"));
        missing.AddRange(Enum.GetValues<AgentTaskEffect>().Where(effect => coverage.Of(effect) == 0).Select(effect => $"effect {effect}"));
        missing.AddRange(Enum.GetValues<VerdictKind>().Where(verdict => coverage.Of(verdict) == 0).Select(verdict => $"verdict {verdict}"));
        missing.AddRange(Enum.GetValues<SubmitOutcome>().Select(outcome => $"POST {outcome}").Concat(Enum.GetValues<CancelResult>().Select(result => $"DELETE {result}")).Where(answer => coverage.Counts.GetValueOrDefault(answer) == 0));
        return missing;
    }

    private static string Story(ulong seed)
    {
        var run = SeedRun.Of(seed, Mutant.None, new Coverage());
        using var story = new StringWriter();
        SeedRun.Of(run.Scenario, run.Decisions, Mutant.None, story);
        return story.ToString();
    }

    private static string Tell(IReadOnlyList<SeedRun> findings)
    {
        if (findings.Count == 0) return "";
        var shrunk = new Shrinker(Mutant.None).Shrink(findings[0]);
        using var story = new StringWriter();
        SeedRun.Of(shrunk.Scenario, shrunk.Decisions, Mutant.None, story);
        return $"Seed {shrunk.Scenario.Seed} breaks {shrunk.Violation!.Code}: {shrunk.Violation.Text} (scripts/simulate.sh --seed {shrunk.Scenario.Seed})\n{story}";
    }
}
