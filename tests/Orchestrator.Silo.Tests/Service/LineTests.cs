using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using Orchestrator.Testing.Service;

namespace Orchestrator.Silo.Tests.Service;

/// <summary>Who gets a slot when, of the whole service: dependencies, pause and drain, with kills in between.</summary>
public sealed class LineTests
{
    [Fact]
    public async Task A_paused_service_starts_nothing_also_after_a_kill_and_goes_on_when_it_resumes()
    {
        await using var bed = await ServiceBed.StartAsync(BuiltService.Program, ScriptAgent.RunsPrompt);
        Assert.Equal("paused", (await AdminAsync(bed, "pause")).GetProperty("status").GetString());
        await bed.SubmitAsync("a", "commit 'A'");
        await bed.SubmitAsync("b", "commit 'B'");
        var place = (await bed.Service.SendAsync(HttpMethod.Get, "/tasks/b")).Json;
        Assert.Equal(("queued", "waiting", 2, "paused"), (Text(place, "status"), Text(place, "phase"), place.GetProperty("queuePosition").GetInt32(), Text(place, "waitingFor")));
        await bed.Service.RestartAsync();
        var health = await bed.Service.GetHealthAsync();
        Assert.Equal(("ready", 0, 2), (Text(health, "status"), health.GetProperty("available").GetInt32(), health.GetProperty("queued").GetInt32()));
        Assert.Equal("waiting", Text(await bed.Service.GetTaskAsync("a"), "phase"));
        Assert.Empty(bed.Place.SessionHosts());
        Assert.False(Directory.Exists(bed.Place.Worktree("a")));
        await AdminAsync(bed, "resume");
        foreach (var id in new[] { "a", "b" }) Assert.Equal("completed", Text(await bed.Service.WaitForEndAsync(id), "status"));
        Assert.Empty(bed.Receiver.Violations);
    }

    [Fact]
    public async Task A_draining_service_takes_no_task_and_lets_run_what_runs()
    {
        await using var bed = await ServiceBed.StartAsync(BuiltService.Program, ScriptAgent.RunsPrompt);
        await bed.SubmitAsync("runs", "echo begun | put begun; until [ -e \"$PLACE/go\" ]; do sleep 0.1; done; commit 'Done'");
        await bed.WaitForFileAsync(bed.Place.At("begun"));
        await bed.SubmitAsync("waits", "commit 'Waited'");
        Assert.Equal((1, 1), await AdminAsync(bed, "drain") is var drained ? (drained.GetProperty("runningTasks").GetInt32(), drained.GetProperty("queuedTasks").GetInt32()) : default);
        var refused = await bed.Service.PostTaskAsync(bed.Body("late", "commit 'Late'"));
        Assert.Equal((HttpStatusCode.ServiceUnavailable, "Service is draining"), (refused.Status, refused.Error));
        Assert.Equal(HttpStatusCode.Accepted, (await bed.Service.PostTaskAsync(bed.Body("waits", "commit 'Waited'"))).Status);
        Assert.Equal("degraded", Text(await bed.Service.GetHealthAsync(), "status"));
        await File.WriteAllTextAsync(bed.Place.At("go"), "");
        Assert.Equal("completed", Text(await bed.Service.WaitForEndAsync("runs"), "status"));
        Assert.Equal("draining", Text(await bed.Service.GetTaskAsync("waits"), "waitingFor"));
        await AdminAsync(bed, "resume");
        Assert.Equal("completed", Text(await bed.Service.WaitForEndAsync("waits"), "status"));
    }

    [Fact]
    public async Task Dependents_run_after_what_they_depend_on_or_fail_with_it_also_over_a_kill()
    {
        await using var bed = await ServiceBed.StartAsync(BuiltService.Program, ScriptAgent.RunsPrompt, new Dictionary<string, string> { ["WORKER_CAPACITY"] = "4" });
        const string UntilGo = "until [ -e \"$PLACE/go\" ]; do sleep 0.1; done; ";
        await bed.SubmitAsync("good", UntilGo + "commit 'Good'; echo good >>\"$PLACE/order\"");
        await bed.SubmitAsync("bad", UntilGo + "echo 'It went wrong'; exit 3");
        await bed.SubmitAsync("after-good", "commit 'After'; echo after-good >>\"$PLACE/order\"", ("dependsOn", new JsonArray("good")));
        await bed.SubmitAsync("after-both", "commit 'Never'", ("dependsOn", new JsonArray("good", "bad")));
        var task = await bed.Service.GetTaskAsync("after-both");
        Assert.Equal(("queued", "blocked", "dependencies good, bad"), (Text(task, "status"), Text(task, "phase"), Text(task, "waitingFor")));
        Assert.Equal(["good", "bad"], task.GetProperty("dependsOn").EnumerateArray().Select(id => id.GetString()));
        var unknown = await bed.Service.PostTaskAsync(bed.Body("lost", "true", ("dependsOn", new JsonArray("good", "nobody"))));
        Assert.Equal(HttpStatusCode.BadRequest, unknown.Status);
        Assert.Contains("nobody", unknown.Error, StringComparison.Ordinal);
        Assert.Equal(2, (await bed.Service.GetHealthAsync()).GetProperty("queued").GetInt32());
        await bed.Service.KillAsync();
        await File.WriteAllTextAsync(bed.Place.At("go"), "");
        await bed.Service.StartAgainAsync();
        Assert.Equal("completed", Text(await bed.Service.WaitForEndAsync("after-good"), "status"));
        var failed = await bed.Service.WaitForEndAsync("after-both");
        Assert.Equal(("failed", "DEPENDENCY_FAILED"), (Text(failed, "status"), Text(failed.GetProperty("error"), "code")));
        Assert.StartsWith("Task bad, on which it depends, was not completed: failed (", Text(failed.GetProperty("error"), "message"), StringComparison.Ordinal);
        Assert.Equal(["good", "after-good"], await File.ReadAllLinesAsync(bed.Place.At("order")));
        Assert.False(Directory.Exists(bed.Place.Worktree("after-both")));
        Assert.Empty(bed.Receiver.Violations);
    }

    private static string? Text(JsonElement element, string name) => element.GetProperty(name).GetString();

    private static async Task<JsonElement> AdminAsync(ServiceBed bed, string what) => (await bed.Service.SendAsync(HttpMethod.Post, $"/admin/{what}")).Json;
}
