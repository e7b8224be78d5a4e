using System.Net;
using System.Text.Json.Nodes;
using Orchestrator.Testing.Service;
using Xunit.Abstractions;

namespace Orchestrator.Silo.Tests.Service;

/// <summary>How many run at once.</summary>
public sealed class CapacityTests(ITestOutputHelper output)
{
    [Fact]
    public async Task Of_two_tasks_for_one_slot_without_a_line_exactly_one_is_taken()
    {
        await using var bed = await ServiceBed.StartAsync(BuiltService.Program, ScriptAgent.RunsPrompt, new Dictionary<string, string> { ["QUEUE_LIMIT"] = "0" });
        for (var round = 0; round < 5; round++)
        {
            string[] ids = [$"pair-{round}-a", $"pair-{round}-b"];
            var answers = await Task.WhenAll(ids.Select(id => bed.Service.PostTaskAsync(bed.Body(id, "commit 'Do it'"))));
            var refused = Assert.Single(answers, answer => answer.Status != HttpStatusCode.Accepted);
            Assert.Equal((HttpStatusCode.ServiceUnavailable, "Service at capacity"), (refused.Status, refused.Error));
            Assert.True(int.Parse(refused.Headers["Retry-After"], System.Globalization.CultureInfo.InvariantCulture) > 0);
            var (taken, left) = answers[0] == refused ? (ids[1], ids[0]) : (ids[0], ids[1]);
            Assert.Equal("completed", (await bed.Service.WaitForEndAsync(taken)).GetProperty("status").GetString());
            Assert.Equal(HttpStatusCode.NotFound, (await bed.Service.GetAsync($"/tasks/{left}")).Status);
            Assert.False(Directory.Exists(bed.Place.Worktree(left)));
        }

        Assert.Empty(bed.Receiver.Violations);
        Assert.Equal(5, bed.Receiver.Received.Count);
    }

    [Fact]
    public async Task Without_a_line_what_health_calls_available_is_what_is_taken()
    {
        await using var bed = await ServiceBed.StartAsync(
            BuiltService.Program, ScriptAgent.RunsPrompt, new Dictionary<string, string> { ["QUEUE_LIMIT"] = "0", ["WORKER_CAPACITY"] = "2" });
        async Task<int> AvailableAsync() => (await bed.Service.GetHealthAsync()).GetProperty("available").GetInt32();
        Assert.Equal(2, await AvailableAsync());
        await bed.SubmitAsync("first", "until [ -e \"$PLACE/go\" ]; do sleep 0.1; done; commit 'First'");
        await bed.SubmitAsync("second", "commit 'Second'", ("dependsOn", new JsonArray("first")));
        Assert.Equal(0, await AvailableAsync());
        var refused = await bed.Service.PostTaskAsync(bed.Body("third", "commit 'Third'"));
        Assert.Equal((HttpStatusCode.ServiceUnavailable, "Service at capacity"), (refused.Status, refused.Error));
        Assert.Contains("stands aside", refused.Body, StringComparison.Ordinal);
        await File.WriteAllTextAsync(bed.Place.At("go"), "");
        Assert.Equal("completed", (await bed.Service.WaitForEndAsync("second")).GetProperty("status").GetString());
        Assert.Equal(2, await AvailableAsync());
    }

    [Fact]
    public async Task Twenty_four_tasks_of_one_repository_run_at_once()
    {
        const int Count = 24;
        await using var bed = await ServiceBed.StartAsync(
            BuiltService.Program,
            // Nobody goes on before all have started.
            $$"""
            touch "$PLACE/started-$TASK_ID"
            until [ "$(ls "$PLACE" | grep -c '^started-')" -ge {{Count}} ]; do sleep 0.2; done
            """ + "\n" + ScriptAgent.RunsPrompt,
            new Dictionary<string, string> { ["WORKER_CAPACITY"] = $"{Count}" },
            files: 60);
        var ids = Enumerable.Range(0, Count).Select(i => $"many-{i:00}").ToList();
        var startedAt = TimeProvider.System.GetTimestamp();
        await Task.WhenAll(ids.Select(id => bed.SubmitAsync(id, $"commit 'Work of {id}'")));
        foreach (var id in ids)
        {
            var task = await bed.Service.WaitForEndAsync(id, TimeSpan.FromMinutes(5));
            Assert.Equal(("completed", 1), (task.GetProperty("status").GetString(), task.GetProperty("result").GetProperty("commits").GetInt32()));
            Assert.Equal($"Work of {id}", bed.Mirror("log", "-1", "--format=%s", $"task/{id}"));
        }

        output.WriteLine($"{Count} tasks were through after {TimeProvider.System.GetElapsedTime(startedAt).TotalSeconds:0.0} s.");
        Assert.Equal(ids, Directory.GetDirectories(Path.Combine(bed.Place.Home, "worktrees")).Select(path => Path.GetFileName(path)!).Order(StringComparer.Ordinal));
        Assert.DoesNotContain(bed.Service.Log, line => line.Contains(".lock", StringComparison.Ordinal) || line.Contains("Unable to create", StringComparison.Ordinal));
        var log = bed.Service.Log.ToList();
        var complaints = log.Index().Where(line => line.Item.StartsWith("fail:", StringComparison.Ordinal) || line.Item.StartsWith("warn:", StringComparison.Ordinal));
        Assert.Empty(complaints.Select(line => string.Join('\n', log.Skip(line.Index).Take(2))));
        Assert.Empty(bed.Receiver.Violations);
        Assert.Equal(Count, bed.Receiver.Received.Select(callback => callback.Id).Distinct(StringComparer.Ordinal).Count());
    }
}
