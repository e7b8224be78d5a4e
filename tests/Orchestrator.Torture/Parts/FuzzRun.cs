using Orchestrator.Torture.Fuzzing;

namespace Orchestrator.Torture.Parts;

/// <summary>Hostile input for everything that reads what comes from outside.</summary>
/// <param name="Seed">Repeats all inputs.</param>
/// <param name="Count">Inputs for each.</param>
internal sealed record FuzzRun(int Seed, int Count)
{
    public async Task RunAsync(TortureReport report)
    {
        await Parallel.ForEachAsync(FuzzTarget.All, new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount }, (target, _) =>
        {
            var startedAt = TimeProvider.System.GetTimestamp();
            if (target.Run(Seed, Count) is { } wrong) report.Add(new("fuzz", wrong), $"seed {Seed}");
            report.Say($"{target.Name}: {Count} inputs in {TimeProvider.System.GetElapsedTime(startedAt).TotalSeconds:0.0} s");
            return ValueTask.CompletedTask;
        });
        if (!NodeFuzz.IsHere)
        {
            report.Say("callback-writer: Node.js is not here; left out.");
        }
        else
        {
            if (await NodeFuzz.RunAsync(Seed, Count) is { } wrong) report.Add(new("fuzz", wrong), $"seed {Seed}");
            report.Say($"callback-writer: {Count} values, against Node.js");
        }

        report.Say($"seed {Seed}: {FuzzTarget.All.Count + 1} readers and writers, {Count} inputs each, {report.Findings.Count} findings");
    }
}
