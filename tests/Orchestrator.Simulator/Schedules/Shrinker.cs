namespace Orchestrator.Simulator;

/// <summary>Makes a failing schedule small: delta debugging on its steps, then simpler steps. What counts is that the same promise is broken.</summary>
internal sealed class Shrinker(Mutant mutant)
{
    private const int RunsMax = 6000;
    private int _runs;

    public SeedRun Shrink(SeedRun failed)
    {
        // The made up schedule and the played one differ by nothing; a schedule that does not fail again would be a fault of the simulator's.
        var best = SeedRun.Of(failed.Scenario, failed.Decisions, mutant);
        if (best.Violation?.Code != failed.Violation!.Code) throw new InvalidOperationException($"Seed {failed.Scenario.Seed} does not fail again: {failed.Violation}, then {best.Violation}.");
        int before;
        do
        {
            before = best.Decisions.Count;
            best = Simplify(Remove(best));
        }
        while (best.Decisions.Count < before && _runs < RunsMax);
        return best;
    }

    private SeedRun Remove(SeedRun best)
    {
        for (var size = Math.Max(1, best.Decisions.Count / 2); size >= 1; size /= 2)
        {
            for (var at = 0; at < best.Decisions.Count && _runs < RunsMax;)
            {
                if (Try(best, [.. best.Decisions.Take(at), .. best.Decisions.Skip(at + size)]) is { } smaller) best = smaller;
                else at += size;
            }
        }

        return best;
    }

    /// <summary>Two steps of going on become one; what is picked out of turn goes in turn; numbers become 0.</summary>
    private SeedRun Simplify(SeedRun best)
    {
        for (var at = 0; at < best.Decisions.Count && _runs < RunsMax; at++)
        {
            var decision = best.Decisions[at];
            if (at + 1 < best.Decisions.Count && decision.Kind == DecisionKind.Go && best.Decisions[at + 1].Kind == DecisionKind.Go
                && Try(best, With(best, at, 2, decision with { Count = decision.Count + best.Decisions[at + 1].Count })) is { } merged)
            {
                best = merged;
                at--;
                continue;
            }

            foreach (var simpler in Simpler(decision))
            {
                if (Try(best, With(best, at, 1, simpler)) is not { } better) continue;
                best = better;
                break;
            }
        }

        return best;
    }

    private static IEnumerable<Decision> Simpler(Decision decision)
    {
        if (decision.Number != 0) yield return decision with { Number = 0 };
        if (decision.Kind == DecisionKind.Pick) yield return new(DecisionKind.Go, null, default, 1, 0);
        if (decision.Kind == DecisionKind.Go && decision.Count < 400) yield return decision with { Count = 400 };
        if (decision is { Kind: DecisionKind.Go, Count: > 1 and < 400 }) yield return decision with { Count = decision.Count / 2 };
        if (decision.Kind == DecisionKind.Reboot) yield return decision with { Kind = DecisionKind.Crash };
    }

    private static List<Decision> With(SeedRun run, int at, int count, Decision decision) => [.. run.Decisions.Take(at), decision, .. run.Decisions.Skip(at + count)];

    private SeedRun? Try(SeedRun best, IReadOnlyList<Decision> schedule)
    {
        _runs++;
        var run = SeedRun.Of(best.Scenario, schedule, mutant);
        return run.Violation?.Code == best.Violation!.Code && run.Decisions.Count <= best.Decisions.Count ? run : null;
    }
}
