namespace Orchestrator.Simulator;

/// <summary>How a schedule went.</summary>
/// <param name="Scenario">What it was played in.</param>
/// <param name="Decisions">The steps that did something.</param>
/// <param name="Violation">Null when every promise was kept.</param>
internal sealed record SeedRun(Scenario Scenario, IReadOnlyList<Decision> Decisions, Violation? Violation)
{
    /// <summary>The most that may be under way after the last trouble until all is quiet.</summary>
    private const int CalmRunsMax = 60_000;

    /// <summary>Makes the schedule of a seed up, step by step, and plays it.</summary>
    public static SeedRun Of(ulong seed, Mutant mutant, Coverage coverage)
    {
        var scenario = Scenario.Of(seed);
        var numbers = new SeededNumbers(seed ^ 0xABCDEF);
        var world = new World(scenario, mutant, coverage);
        var decisions = new List<Decision>();
        for (var i = 0; i < scenario.DecisionCount && world.Violation is null; i++)
        {
            var decision = Decision.Of(world, numbers);
            if (world.Apply(decision)) decisions.Add(decision);
        }

        if (world.Violation is null) world.CalmDown(CalmRunsMax);
        coverage.Steps += world.Agenda.RunTotal;
        return new(scenario, decisions, world.Violation);
    }

    /// <summary>Plays a schedule again.</summary>
    public static SeedRun Of(Scenario scenario, IReadOnlyList<Decision> schedule, Mutant mutant, TextWriter? log = null)
    {
        var world = new World(scenario, mutant, new Coverage());
        var story = log is null ? null : new Story(world, log);
        var decisions = new List<Decision>();
        foreach (var decision in schedule)
        {
            story?.Begin(decision);
            var applies = world.Apply(decision);
            if (applies) decisions.Add(decision);
            story?.End(applies);
            if (world.Violation is not null) break;
        }

        if (world.Violation is null)
        {
            story?.BeginCalm();
            world.CalmDown(CalmRunsMax);
            story?.End(applies: true);
        }

        return new(scenario, decisions, world.Violation);
    }
}
