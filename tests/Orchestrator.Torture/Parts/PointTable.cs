using System.Collections.Concurrent;
using Orchestrator.TortureTarget;

namespace Orchestrator.Torture.Parts;

/// <summary>
/// Every named fail point: a service that is armed with it gets the work that leads there, and dies (or loses its terminals) at it. The next service on the same home takes up what
/// is left, armed with the next point already; at the end an unarmed one brings everything home, and the invariants are checked.
/// </summary>
/// <param name="Seed">Order of the points, and at which of its hits each one strikes.</param>
/// <param name="Seeds">How many rounds.</param>
/// <param name="Targets">What dies.</param>
/// <param name="Places">Services at once.</param>
internal sealed record PointTable(int Seed, int Seeds, IReadOnlyList<FailTarget> Targets, int Places)
{
    private const int PointsPerHome = 12;
    private static readonly TimeSpan HitLimit = TimeSpan.FromSeconds(90), EndLimit = TimeSpan.FromMinutes(4);

    /// <summary>Only these; empty: all.</summary>
    public IReadOnlyList<string> Only { get; init; } = [];

    public async Task RunAsync(TortureReport report)
    {
        var startedAt = TimeProvider.System.GetTimestamp();
        var rows = new ConcurrentDictionary<(string Point, FailTarget Target), ConcurrentBag<string>>();
        var homes = Homes().ToList();
        var done = 0;
        await Parallel.ForEachAsync(homes, new ParallelOptions { MaxDegreeOfParallelism = Places }, async (home, _) =>
        {
            await new PointHome(home.Seed, home.Target, home.Points, HitLimit, EndLimit).RunAsync(report, (point, outcome) => rows.GetOrAdd((point, home.Target), _ => []).Add(outcome));
            report.Say($"{Interlocked.Increment(ref done)} of {homes.Count} homes, {report.Findings.Count} findings, {TimeProvider.System.GetElapsedTime(startedAt).TotalSeconds:0} s");
        });
        foreach (var (row, outcomes) in rows.OrderBy(row => Array.IndexOf([.. FailPointNames.All, .. FailPointNames.Host], row.Key.Point)).ThenBy(row => row.Key.Target))
            report.Say($"{row.Point,-32} {row.Target,-8} {string.Join(", ", outcomes.GroupBy(outcome => outcome).Select(same => $"{same.Count()} × {same.Key}"))}");
        report.Say($"seed {Seed}: {FailPointNames.All.Count + FailPointNames.Host.Count} points, {string.Join(", ", Targets)}, {Seeds} seeds, {report.Findings.Count} findings");
    }

    private static IEnumerable<string> PointsOf(FailTarget target) => target == FailTarget.Host ? FailPointNames.Host : FailPointNames.All.Concat(FailPointNames.Host);

    private IEnumerable<(int Seed, FailTarget Target, string[] Points)> Homes()
    {
        for (var round = 0; round < Seeds; round++)
        {
            foreach (var target in Targets)
            {
                var seed = unchecked((Seed + round) * 1000 + (int)target);
                var points = PointsOf(target).Where(point => Only.Count == 0 || Only.Contains(point)).ToArray();
                new Random(seed).Shuffle(points);
                foreach (var chunk in points.Chunk(PointsPerHome)) yield return (seed, target, chunk);
            }
        }
    }
}
