using Orchestrator.Grains.AgentTasks;
using Orchestrator.Interfaces.AgentTasks;

namespace Orchestrator.Simulator.Tests;

/// <summary>Every promise is kept over many seeds, and everything that there is comes about in them.</summary>
public sealed class SeedTests
{
    private const ulong SeedCount = 10_000;

    private static readonly string[] NoSessionYet = ["SessionStarted", "SessionEnded", "WorkCollected"];

    /// <summary>Calls that a task's grain can get in any phase, and hardly ever does but in some: a notice has to be doubled, and late by minutes. That they come at all is asserted.</summary>
    private static readonly string[] Rare = ["DependencyEnded", "SessionStalled", "SessionUsed"];

    /// <summary>The same for single pairs.</summary>
    private static readonly string[] RarePairs =
    [
        "Waiting × WorktreePrepared", "Blocked × SlotGranted", "Collecting × SlotGranted", "Collecting × WorktreePrepared", "Running × SlotGranted", "Stopping × WorkCollected", "Running × WorkCollected",
        "Blocked × BranchWanted", "Preparing × BranchWanted", "Waiting × BranchWanted", "Held × SlotGranted", "Held × WorktreePrepared", "Held × SessionStarted", "Held × SessionEnded", "Held × WorkCollected",
        // A task that was held, or whose slot others had, waits again.
        "Waiting × SessionStarted", "Waiting × SessionEnded", "Waiting × WorkCollected",
        "Preparing × SessionStarted", "Preparing × SessionEnded", "Preparing × WorkCollected",
    ];

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
        foreach (var phase in Enum.GetValues<AgentTaskPhase>().Where(phase => calls.Exists(call => coverage.OfEvent(phase, call) > 0)))
        {
            foreach (var call in calls.Except(Rare))
            {
                var isReached = coverage.OfEvent(phase, call) > 0;
                if (IsImpossible(phase, call)) missing.AddRange(isReached ? [$"{phase} × {call} is possible"] : []);
                else if (!isReached && !RarePairs.Contains($"{phase} × {call}")) missing.Add($"{phase} × {call}");
            }
        }

        missing.AddRange(calls.Where(call => Enum.GetValues<AgentTaskPhase>().All(phase => coverage.OfEvent(phase, call) == 0)));
        missing.AddRange(Enum.GetValues<AgentTaskPhase>().Where(phase => phase != AgentTaskPhase.Held && calls.TrueForAll(call => coverage.OfEvent(phase, call) == 0)).Select(phase => $"{phase}"));
        missing.AddRange(Enum.GetValues<AgentTaskEffect>().Where(effect => coverage.Of(effect) == 0).Select(effect => $"effect {effect}"));
        missing.AddRange(Enum.GetValues<VerdictKind>().Where(verdict => coverage.Of(verdict) == 0).Select(verdict => $"verdict {verdict}"));
        missing.AddRange(Enum.GetValues<WorktreeRelease>().Where(answer => answer == WorktreeRelease.Released && coverage.Counts.GetValueOrDefault($"sweep {answer}") == 0).Select(answer => $"sweep {answer}"));
        missing.AddRange(Enum.GetValues<SubmitOutcome>().Select(outcome => $"POST {outcome}").Concat(Enum.GetValues<CancelResult>().Select(result => $"DELETE {result}")).Where(answer => coverage.Counts.GetValueOrDefault(answer) == 0));
        return missing;
    }

    /// <summary>Whatever is lost, doubled or late: a task is blocked before it ever had a session, and what is owed and kept is settled after the end only.</summary>
    private static bool IsImpossible(AgentTaskPhase phase, string call) =>
        (phase == AgentTaskPhase.Blocked && NoSessionYet.Contains(call)) || (phase != AgentTaskPhase.Ended && call is ("WorktreeSettled" or "CallbackSettled" or "WorktreeRemoved" or "WorktreeFound"));

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
