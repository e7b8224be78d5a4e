using System.Globalization;
using Orchestrator.Testing.Service;
using Orchestrator.Torture.Checking;
using Orchestrator.Torture.Driving;

namespace Orchestrator.Torture.Parts;

/// <summary>A service that is killed over living agents finds them again, and they are the same ones.</summary>
/// <param name="Agents">How many live.</param>
/// <param name="Rounds">How often the service is killed.</param>
internal sealed record AdoptionRun(int Agents, int Rounds)
{
    public async Task RunAsync(TortureReport report)
    {
        await using var bed = await TortureBed.StartAsync(Programs.Service, Agents);
        var ids = Enumerable.Range(0, Agents).Select(i => $"adopted-{i}").ToList();
        await Task.WhenAll(ids.Select(id => bed.PostAsync(new(id, "stubborn", 0))));
        foreach (var id in ids) await bed.Service.WaitForTaskAsync(id, task => task.GetProperty("phase").GetString() == "running" && task.GetProperty("startedAt").ValueKind == System.Text.Json.JsonValueKind.String, "runs");
        await Eventually.IsTrueAsync(() => AgentsOf(bed).Count == Agents, "all agents have begun");
        var times = new List<TimeSpan>();
        for (var round = 0; round < Rounds; round++)
        {
            var before = AgentsOf(bed);
            await bed.Service.KillAsync();
            var startedAt = TimeProvider.System.GetTimestamp();
            await bed.Service.StartAgainAsync();
            foreach (var id in ids) await bed.Service.WaitForTaskAsync(id, task => task.GetProperty("phase").GetString() == "running", "runs on");
            times.Add(TimeProvider.System.GetElapsedTime(startedAt));
            report.Require(before.SequenceEqual(AgentsOf(bed)) && before.All(MachineProcess.IsAlive), "I3", $"Other agents live than before: {string.Join(' ', before)} and {string.Join(' ', AgentsOf(bed))}.", $"round {round}");
        }

        await Task.WhenAll(ids.Select(bed.CancelAsync));
        foreach (var finding in Checker.Check(await bed.SettleAsync(TimeSpan.FromMinutes(2), startsMax: 1))) report.Add(finding, "adoption");
        report.Say($"{Agents} agents adopted after {Figures.Of(times)} from the start of the process (goal 5,000 ms), the same pids; {report.Findings.Count} findings");
        report.Require(times.Min() < TimeSpan.FromSeconds(15), "adoption", $"It took {times.Min().TotalSeconds:0.0} s at best.", "adoption");
    }

    /// <summary>Process ids as the agents themselves wrote them down.</summary>
    private static List<int> AgentsOf(TortureBed bed)
    {
        var log = bed.Place.At(TortureAgent.Log);
        return File.Exists(log)
            ? [.. File.ReadLines(log).Where(line => line.StartsWith("start ", StringComparison.Ordinal)).Select(line => int.Parse(line.Split(' ')[3], CultureInfo.InvariantCulture)).Order()]
            : [];
    }
}
