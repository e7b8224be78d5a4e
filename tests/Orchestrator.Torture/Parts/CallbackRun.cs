using System.Globalization;
using System.Text.Json;
using Orchestrator.Testing.Service;

namespace Orchestrator.Torture.Parts;

/// <summary>
/// Many ends at once, a receiver that refuses a part of all tries, and a service that is killed in between: every end arrives, under one id, with one body. The tasks are cancelled as they
/// wait, so that no time goes to agents.
/// </summary>
/// <param name="Seed">Which tries fail.</param>
/// <param name="Count">Tasks.</param>
/// <param name="FailuresPercent">Of all tries.</param>
/// <param name="Kills">How often the service is killed meanwhile.</param>
internal sealed record CallbackRun(int Seed, int Count, int FailuresPercent, int Kills)
{
    private static readonly int[] Refusals = [500, 502, 503, 429, 408, 404, 401];

    public async Task RunAsync(TortureReport report)
    {
        await using var bed = await ServiceBed.StartAsync(Programs.Service, "while :; do sleep 0.2; done", new Dictionary<string, string> { ["QUEUE_LIMIT"] = $"{Count + 10}" });
        var random = new Random(Seed);
        // The last ones come through, so that nobody waits for the fifth try of an unlucky one, five minutes later.
        bed.Receiver.AnswerNext([.. Enumerable.Range(0, Count * 13 / 10).Select(_ => random.Next(100) < FailuresPercent ? Refusals[random.Next(Refusals.Length)] : 200)]);
        await bed.SubmitAsync("blocker");
        var ids = Enumerable.Range(0, Count).Select(i => $"owed-{i}").ToList();
        await Parallel.ForEachAsync(ids, new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (id, _) => await bed.SubmitAsync(id));
        var startedAt = TimeProvider.System.GetTimestamp();
        await Parallel.ForEachAsync(ids, new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (id, _) => await bed.Service.DeleteTaskAsync(id));
        for (var kill = 0; kill < Kills; kill++)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(random.Next(1500)), TimeProvider.System);
            await bed.Service.RestartAsync();
        }

        foreach (var id in ids) await bed.Service.WaitForEndAsync(id, TimeSpan.FromMinutes(12));
        var took = TimeProvider.System.GetElapsedTime(startedAt);
        await bed.Service.DeleteTaskAsync("blocker");
        await Judge(bed, ids, report);
        report.Say(string.Create(CultureInfo.InvariantCulture, $"seed {Seed}: {Count} ends, {bed.Receiver.Received.Count} tries, {bed.Receiver.Received.Count(one => one.Status >= 300)} refused, {Kills} kills, all delivered after {took.TotalSeconds:0} s, {report.Findings.Count} findings"));
    }

    private async Task Judge(ServiceBed bed, List<string> ids, TortureReport report)
    {
        var where = $"seed {Seed}";
        var byTask = bed.Receiver.Received.ToLookup(callback => callback.TaskId, StringComparer.Ordinal);
        foreach (var id in ids)
        {
            var tries = byTask[id].ToList();
            report.Require(tries.Any(one => one.Status < 300), "I6", $"{id} was never delivered.", where);
            report.Require(tries.Select(one => (one.Id, one.Body)).Distinct().Count() == 1, "I6", $"{id} was sent with different ids or bodies.", where);
            report.Require(tries.FindIndex(one => one.Status < 300) >= tries.Count - 1 - Kills, "I6", $"{id} was sent again after it had been taken.", where);
            var task = await bed.Service.GetTaskAsync(id);
            report.Require(task.GetProperty("status").GetString() == "cancelled" && task.GetProperty("callbacks") is { ValueKind: JsonValueKind.Array } all && all.GetArrayLength() == 1, "I6", $"{id}: {task}", where);
        }

        foreach (var violation in bed.Receiver.Violations) report.Add(new("callback", violation), where);
    }
}
