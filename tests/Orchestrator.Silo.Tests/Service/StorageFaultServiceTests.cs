using System.Net;
using System.Text.Json;
using Orchestrator.Testing.Faults;
using Orchestrator.Testing.Service;
using Xunit.Abstractions;

namespace Orchestrator.Silo.Tests.Service;

/// <summary>The whole service while its storage fails: states, catalog, nonces and reminders. By <c>STORAGE_FAULTS=rate:seed</c>; without it, one access of ten fails.</summary>
[Trait("Suite", "Faults")]
public sealed class StorageFaultServiceTests(ITestOutputHelper output)
{
    private const int Tasks = 4;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(8);

    [Fact]
    public async Task Whatever_storage_does_every_task_that_was_accepted_runs_once_and_tells_its_end()
    {
        var (rate, seed) = StorageFaults.Parse(Environment.GetEnvironmentVariable(StorageFaults.VariableName) is { Length: > 0 } text ? text : "0.1");
        var faults = FormattableString.Invariant($"{rate}:{seed}");
        output.WriteLine($"{StorageFaults.VariableName}={faults}");
        var startedAt = TimeProvider.System.GetTimestamp();
        await using var bed = await ServiceBed.StartAsync(
            BuiltService.TestProgram, $"echo \"start $TASK_ID $TASK_ATTEMPT\" >>\"$PLACE/agents.log\"\n{ScriptAgent.Commits}",
            new Dictionary<string, string> { ["WORKER_CAPACITY"] = "3", [StorageFaults.VariableName] = faults });
        var ids = Enumerable.Range(0, Tasks).Select(i => $"fault-{i}").ToList();
        var accepted = 0;
        foreach (var id in ids)
        {
            await Eventually.IsTrueAsync(async () => (await bed.Service.PostTaskAsync(bed.Body(id))).Status == HttpStatusCode.Accepted, $"{id} is accepted. {bed.Service.Program.Tail}", Patience);
            if (++accepted == Tasks / 2) await bed.Service.RestartAsync();
        }

        foreach (var id in ids)
        {
            var callback = await bed.Receiver.WaitAsync(id, Patience);
            Assert.True(callback.TaskStatus == "completed", $"{callback.Body}\n{bed.Service.Program.Tail}");
            Assert.Single(bed.Receiver.Of(id).Select(one => one.Body).Distinct(StringComparer.Ordinal));
        }

        await Eventually.IsTrueAsync(() => IsQuietAsync(bed), $"all have ended, all slots are free. {bed.Service.Program.Tail}", Patience);
        var runs = await File.ReadAllLinesAsync(bed.Place.At("agents.log"));
        Assert.Equal(ids.Select(id => $"start {id} 1").Order(StringComparer.Ordinal), runs.Order(StringComparer.Ordinal));
        Assert.Empty(bed.Place.SessionHosts());
        Assert.Empty(bed.Receiver.Violations);
        output.WriteLine($"{Tasks} tasks in {TimeProvider.System.GetElapsedTime(startedAt).TotalSeconds:0} s; callbacks that came twice: {bed.Receiver.Received.GroupBy(callback => callback.Id).Count(same => same.Count() > 1)}.");
    }

    private static async Task<bool> IsQuietAsync(ServiceBed bed)
    {
        var health = await bed.Service.GetHealthAsync();
        if (health.GetProperty("available").GetInt32() != 3 || health.GetProperty("pendingTerminalCallbacks").GetInt32() > 0) return false;

        // A read that fails gives a problem, which has a status, too, and no phase.
        var page = await bed.Service.GetAsync("/tasks?limit=50");
        return page.Status == HttpStatusCode.OK && page.Json.GetProperty("tasks").EnumerateArray().All(task => task.GetProperty("status").GetString() == "completed" && task.GetProperty("taskId").ValueKind == JsonValueKind.String);
    }
}
