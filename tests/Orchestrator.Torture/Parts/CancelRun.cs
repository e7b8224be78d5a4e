using System.Collections.Concurrent;
using Orchestrator.Testing.Service;
using Orchestrator.Torture.Checking;
using Orchestrator.Torture.Driving;

namespace Orchestrator.Torture.Parts;

/// <summary>Cancels tasks at random moments of their lives; their agents ignore every polite signal, and have a child in a session of its own.</summary>
/// <param name="Seed">The moments.</param>
/// <param name="Count">Tasks.</param>
/// <param name="AtOnce">Slots, and clients.</param>
internal sealed record CancelRun(int Seed, int Count, int AtOnce)
{
    private static readonly TimeSpan AnswerLimit = TimeSpan.FromMilliseconds(200), DeathLimit = TimeSpan.FromSeconds(15);

    public async Task RunAsync(TortureReport report)
    {
        var (answers, deaths) = (new ConcurrentBag<TimeSpan>(), new ConcurrentBag<TimeSpan>());
        await using var bed = await TortureBed.StartAsync(Programs.Service, AtOnce);
        var (done, beganAt) = (0, TimeProvider.System.GetTimestamp());
        await Parallel.ForEachAsync(Enumerable.Range(0, Count), new ParallelOptions { MaxDegreeOfParallelism = AtOnce }, async (i, _) =>
        {
            var (id, random) = ($"cancel-{i}", new Random(unchecked(Seed * 1000 + i)));
            await bed.PostAsync(new(id, "stubborn", 0));
            // Half of them from when the agent works on; the others at any moment from the acceptance on.
            if (random.Next(2) == 0) await Eventually.IsTrueAsync(() => HasBegun(bed, id), $"{id}'s agent", TimeSpan.FromMinutes(2));
            await Task.Delay(TimeSpan.FromMilliseconds(random.Next(2000)), TimeProvider.System, CancellationToken.None);
            var startedAt = TimeProvider.System.GetTimestamp();
            var status = await bed.CancelAsync(id);
            var answer = TimeProvider.System.GetElapsedTime(startedAt);
            answers.Add(answer);
            if (answer > AnswerLimit) report.Say($"{id} was answered after {answer.TotalMilliseconds:0} ms, {TimeProvider.System.GetElapsedTime(beganAt).TotalSeconds:0.0} s after the begin.");
            report.Require(status == 200, "cancel", $"{id}: DELETE was answered with {status}.", $"seed {Seed}");
            await Eventually.IsTrueAsync(() => MachineProcess.WithEnvironment($"ORCHESTRATOR_SESSION={bed.Place.Home}/sessions/{id}/").Count == 0, $"the death of {id}'s tree", TimeSpan.FromMinutes(1));
            deaths.Add(TimeProvider.System.GetElapsedTime(startedAt));
            if (Interlocked.Increment(ref done) % 20 == 0) report.Say($"{done} of {Count}");
        });
        foreach (var finding in Checker.Check(await bed.SettleAsync(TimeSpan.FromMinutes(2), startsMax: 1))) report.Add(finding, $"seed {Seed}");

        // How fast a busy machine is says little about us: the figures are printed, and only what is far off is a finding.
        report.Say($"answered after {Figures.Of(answers)} (goal {AnswerLimit.TotalMilliseconds} ms: {answers.Count(time => time > AnswerLimit)} over it); dead after {Figures.Of(deaths)} (goal {DeathLimit.TotalSeconds} s)");
        report.Require(deaths.All(time => time < 2 * DeathLimit), "cancel", $"A tree lived for {deaths.Max().TotalSeconds:0.0} s after its cancel.", $"seed {Seed}");
        report.Say($"seed {Seed}: {Count} cancels at random moments, {report.Findings.Count} findings");
    }

    private static bool HasBegun(TortureBed bed, string taskId)
    {
        var log = bed.Place.At(TortureAgent.Log);
        return File.Exists(log) && File.ReadLines(log).Any(line => line.StartsWith($"commit {taskId} ", StringComparison.Ordinal));
    }
}
