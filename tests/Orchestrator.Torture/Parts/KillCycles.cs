using System.Collections.Concurrent;
using Orchestrator.Torture.Checking;
using Orchestrator.Torture.Driving;

namespace Orchestrator.Torture.Parts;

/// <summary>Kills the service at random moments under load and starts it again, in several places at once; then checks every invariant. Everything by a seed.</summary>
/// <param name="Seed">Repeats moments and tasks, as far as machines repeat anything.</param>
/// <param name="Cycles">Kills, of all places together.</param>
/// <param name="Places">Services at once.</param>
internal sealed record KillCycles(int Seed, int Cycles, int Places)
{
    private const int CyclesPerHome = 25;
    private static readonly TimeSpan EndLimit = TimeSpan.FromMinutes(4);

    public async Task RunAsync(TortureReport report)
    {
        var startedAt = TimeProvider.System.GetTimestamp();
        var ready = new ConcurrentBag<TimeSpan>();
        var (done, tasks) = (0, 0);
        var homes = (Cycles + CyclesPerHome - 1) / CyclesPerHome;
        homes = Math.Max(homes, Math.Min(Places, Cycles));
        await Parallel.ForEachAsync(Enumerable.Range(0, homes), new ParallelOptions { MaxDegreeOfParallelism = Places }, async (home, _) =>
        {
            var cycles = Cycles / homes + (home < Cycles % homes ? 1 : 0);
            var seed = unchecked(Seed * 1000 + home);
            var sent = await RunHomeAsync(report, seed, cycles, ready);
            Interlocked.Add(ref tasks, sent);
            report.Say($"{Interlocked.Add(ref done, cycles)} of {Cycles} kills, {tasks} tasks, {report.Findings.Count} findings, {TimeProvider.System.GetElapsedTime(startedAt).TotalSeconds:0} s");
        });
        report.Say($"seed {Seed}: {Cycles} kill -9 of the service, {tasks} tasks, {report.Findings.Count} findings; ready again after {Figures.Of(ready)}");
    }

    /// <returns>How many tasks were sent.</returns>
    private static async Task<int> RunHomeAsync(TortureReport report, int seed, int cycles, ConcurrentBag<TimeSpan> ready)
    {
        var random = new Random(seed);
        await using var bed = await TortureBed.StartAsync(Programs.Service, 2 + random.Next(3));
        try
        {
            for (var cycle = 0; cycle < cycles; cycle++)
            {
                var asked = Load(bed, random, cycle).ToList();
                // The moment is the test: from before the answers until long after.
                await Task.Delay(TimeSpan.FromMilliseconds(random.Next(1500)), TimeProvider.System);
                if (cycle % 4 == 0) await bed.LookAsync();
                await bed.Service.KillAsync();
                await Task.WhenAll(asked);
                await bed.Service.StartAgainAsync();
                ready.Add(bed.Service.ReadyAfter);
            }

            foreach (var spec in bed.Specs.Where(spec => spec.Kind == "stubborn")) await bed.CancelAsync(spec.TaskId);
            var evidence = await bed.SettleAsync(EndLimit, startsMax: 1);
            foreach (var finding in Checker.Check(evidence)) report.Add(finding, $"seed {seed}, {cycles} cycles");
            if (Checker.Check(evidence).Count > 0) Keep.Logs(bed, $"kills-{seed}", report);
        }
        catch (Exception exception) when (exception is TimeoutException or InvalidOperationException or HttpRequestException)
        {
            report.Add(new("driver", exception.Message), $"seed {seed}, {cycles} cycles");
            Keep.Logs(bed, $"kills-{seed}", report);
        }

        return bed.Specs.Count;
    }

    /// <summary>What the client does during one cycle: new tasks, requests that are repeated, and now and then a cancel.</summary>
    private static IEnumerable<Task> Load(TortureBed bed, Random random, int cycle)
    {
        for (var left = 1 + random.Next(2); left > 0; left--)
        {
            var spec = random.Next(12) == 0
                ? new TaskSpec($"k{cycle}-{left}", "stubborn", 0)
                : TaskSpec.Random($"k{cycle}-{left}", random, secondsMax: 1.2);
            yield return bed.PostAsync(spec);
        }

        if (bed.Specs.Count == 0) yield break;
        if (random.Next(3) == 0) yield return bed.PostAsync(bed.Specs[random.Next(bed.Specs.Count)]);
        if (random.Next(4) == 0) yield return bed.CancelAsync(bed.Specs[random.Next(bed.Specs.Count)].TaskId);
        if (random.Next(5) == 0) bed.Receiver.AnswerNext(503);
    }
}
