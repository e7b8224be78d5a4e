using System.Globalization;
using Orchestrator.Testing.Service;
using Xunit.Abstractions;

namespace Orchestrator.Silo.Tests.Service;

/// <summary>DELETE answers at once; the tree dies behind it, and only then slot and callback follow.</summary>
public sealed class CancelTests(ITestOutputHelper output)
{
    [Fact]
    public async Task A_cancelled_task_is_told_at_once_and_its_whole_tree_dies_behind_the_answer()
    {
        await using var bed = await ServiceBed.StartAsync(
            BuiltService.Program,
            ScriptAgent.RunsPrompt);
        await bed.SubmitAsync(
            "cancel-1",
            """
            commit 'A start'
            trap 'until [ -e "$PLACE/may-die" ]; do sleep 0.02; done; exit 130' INT
            setsid bash -c 'trap "" INT TERM; echo $$ | put child.pid; while :; do sleep 0.05; done' </dev/null >/dev/null 2>&1 &
            until [ -e "$PLACE/child.pid" ]; do sleep 0.02; done
            echo $$ | put agent.pid
            while :; do sleep 0.05; done
            """);
        int[] tree = [Pid(await bed.WaitForFileAsync(bed.Place.At("agent.pid"))), Pid(await bed.WaitForFileAsync(bed.Place.At("child.pid")))];
        await bed.Service.WaitForTaskAsync("cancel-1", task => task.GetProperty("startedAt").GetString() is not null, "running");
        await bed.SubmitAsync("cancel-next", "commit 'Next'");
        var aliveAtCallback = -1;
        bed.Receiver.Receiving = callback =>
        {
            if (callback.TaskId == "cancel-1") aliveAtCallback = tree.Count(MachineProcess.IsAlive) + bed.Place.SessionProcesses().Count;
            return Task.CompletedTask;
        };

        var startedAt = TimeProvider.System.GetTimestamp();
        var answer = await bed.Service.DeleteTaskAsync("cancel-1");
        output.WriteLine($"DELETE was answered after {TimeProvider.System.GetElapsedTime(startedAt).TotalMilliseconds:0} ms.");
        Assert.Equal((200, """{"taskId":"cancel-1","status":"cancelled"}"""), ((int)answer.Status, answer.Body));
        Assert.All(tree, pid => Assert.True(MachineProcess.IsAlive(pid)));
        Assert.Empty(bed.Receiver.Received);
        Assert.Equal(("cancelled", "stopping"), StatusOf(await bed.Service.GetTaskAsync("cancel-1")));
        Assert.Equal("queued", StatusOf(await bed.Service.GetTaskAsync("cancel-next")).Status);
        Assert.Equal(200, (int)(await bed.Service.DeleteTaskAsync("cancel-1")).Status);

        await File.WriteAllTextAsync(bed.Place.At("may-die"), "");
        var callback = await bed.Receiver.WaitAsync("cancel-1");
        Assert.Equal(("cancelled", null, false, 0), (callback.TaskStatus, callback.ErrorCode, callback.Json.TryGetProperty("result", out _), aliveAtCallback));
        await bed.Service.WaitForEndAsync("cancel-1");
        Assert.Equal(409, (int)(await bed.Service.DeleteTaskAsync("cancel-1")).Status);
        Assert.Equal("completed", StatusOf(await bed.Service.WaitForEndAsync("cancel-next")).Status);
        Assert.Single(bed.Receiver.Of("cancel-1"));
        Assert.Empty(bed.Receiver.Violations);
        Assert.Equal("A start", bed.Mirror("log", "-1", "--format=%s", "task/cancel-1"));
    }

    [Fact]
    public async Task A_cancel_that_races_with_the_end_leaves_one_terminal_state_one_callback_and_no_lease()
    {
        await using var bed = await ServiceBed.StartAsync(BuiltService.Program, ScriptAgent.RunsPrompt, new Dictionary<string, string> { ["WORKER_CAPACITY"] = "4" });
        var ids = Enumerable.Range(0, 12).Select(i => $"race-{i}").ToList();
        foreach (var id in ids) await bed.SubmitAsync(id, $"commit 'Do it'\necho x | put {id}.ends");
        var answers = await Task.WhenAll(ids.Select(async (id, i) =>
        {
            // Some are cancelled as they stand in the line, some while they run, some as they end.
            if (i % 3 > 0) await bed.WaitForFileAsync(bed.Place.At($"{id}.ends"));
            if (i % 3 == 2) await bed.Service.WaitForTaskAsync(id, task => StatusOf(task).Phase is "collecting" or "ended", "ending");
            return (int)(await bed.Service.DeleteTaskAsync(id)).Status;
        }));
        for (var i = 0; i < ids.Count; i++)
        {
            var task = await bed.Service.WaitForEndAsync(ids[i]);
            Assert.Equal(answers[i] == 200 ? "cancelled" : "completed", StatusOf(task).Status);
            Assert.Equal(StatusOf(task).Status, Assert.Single(bed.Receiver.Of(ids[i])).TaskStatus);
        }

        output.WriteLine($"Answers: {string.Join(", ", answers)}");
        Assert.Equal(4, (await bed.Service.GetHealthAsync()).GetProperty("available").GetInt32());
        Assert.Empty(bed.Receiver.Violations);
        Assert.Empty(bed.Place.SessionProcesses());
    }

    private static (string? Status, string? Phase) StatusOf(System.Text.Json.JsonElement task) => (task.GetProperty("status").GetString(), task.GetProperty("phase").GetString());

    private static int Pid(string text) => int.Parse(text, CultureInfo.InvariantCulture);
}
