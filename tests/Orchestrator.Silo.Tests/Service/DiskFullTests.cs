using System.Net;
using Orchestrator.Testing.Service;
using Xunit.Abstractions;

namespace Orchestrator.Silo.Tests.Service;

/// <summary>A home on a disk that gets full.</summary>
public sealed class DiskFullTests(ITestOutputHelper output)
{
    [Fact]
    public async Task On_a_full_disk_tasks_are_refused_or_fail_and_the_service_goes_on_when_there_is_room_again()
    {
        string? whyNot = null;
        await using var bed = await ServiceBed.StartAsync(BuiltService.Program, ScriptAgent.RunsPrompt, prepare: place => whyNot = place.TryMountHome("320m"));
        if (whyNot is not null)
        {
            output.WriteLine($"Not run: only root can mount a small disk, and not in every container: {whyNot}");
            return;
        }

        bed.Repository.Push("Something large", ("large.txt", new string('x', 4 << 20)));
        Assert.Equal("completed", (await bed.RunAsync("disk-0", "commit 'Do it'")).GetProperty("status").GetString());
        var filler = Path.Combine(bed.Place.Home, "filler");
        var size = Fill(filler);

        var full = await bed.Service.PostTaskAsync(bed.Body("disk-full", "commit 'Do it'"));
        output.WriteLine($"On a full disk: {(int)full.Status} {full.Error}");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, full.Status);
        Assert.True(full.Headers.ContainsKey("Retry-After"));

        // Room for what the service writes, and none for a worktree.
        Shrink(filler, size - (2 << 20));
        var tight = await bed.Service.PostTaskAsync(bed.Body("disk-tight", "commit 'Do it'"));
        output.WriteLine($"With 2 MiB: {(int)tight.Status} {tight.Body}");
        if (tight.Status == HttpStatusCode.Accepted)
        {
            var callback = await bed.Receiver.WaitAsync("disk-tight", TimeSpan.FromMinutes(3));
            output.WriteLine(callback.Body);
            Assert.Equal(("failed", "SETUP_FAILED"), (callback.TaskStatus, callback.ErrorCode));
        }
        else
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, tight.Status);
        }

        File.Delete(filler);
        await Eventually.IsTrueAsync(
            async () => (await bed.Service.PostTaskAsync(bed.Body("disk-1", "commit 'Do it'"))).Status == HttpStatusCode.Accepted, "a task is accepted again", TimeSpan.FromMinutes(3));
        Assert.Equal("completed", (await bed.Service.WaitForEndAsync("disk-1")).GetProperty("status").GetString());
        Assert.Equal(HttpStatusCode.NotFound, (await bed.Service.GetAsync("/tasks/disk-full")).Status);
        Assert.Empty(bed.Receiver.Violations);
    }

    [Fact]
    public async Task Tasks_that_run_while_the_disk_gets_full_tell_their_ends_and_tasks_start_again_by_themselves_when_there_is_room()
    {
        const int Running = 3;
        string? whyNot = null;
        await using var bed = await ServiceBed.StartAsync(
            BuiltService.Program, ScriptAgent.RunsPrompt, new Dictionary<string, string> { ["WORKER_CAPACITY"] = $"{Running}" }, prepare: place => whyNot = place.TryMountHome("320m"));
        if (whyNot is not null)
        {
            output.WriteLine($"Not run: only root can mount a small disk, and not in every container: {whyNot}");
            return;
        }

        for (var i = 0; i < Running; i++) await bed.SubmitAsync($"run-{i}", "commit 'In time'\necho $$ | put \"$TASK_ID.pid\"\nuntil [ -e \"$PLACE/go\" ]; do sleep 0.05; done\necho said");
        for (var i = 0; i < Running; i++) await bed.WaitForFileAsync(bed.Place.At($"run-{i}.pid"));
        await bed.SubmitAsync("wait-1", "commit 'Later'");
        var pid = bed.Service.Program.Pid;

        // As an agent does that never stops writing: whatever somebody gives up is gone at once.
        var filler = Path.Combine(bed.Place.Home, "filler");
        using var stop = new CancellationTokenSource();
        Fill(filler);
        var filling = Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                Fill(filler, FileMode.Append);
                await Task.Delay(TimeSpan.FromMilliseconds(2), TimeProvider.System);
            }
        });
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await bed.Service.PostTaskAsync(bed.Body("full-1"))).Status);
        await File.WriteAllTextAsync(bed.Place.At("go"), "");
        for (var i = 0; i < Running; i++)
        {
            var callback = await bed.Receiver.WaitAsync($"run-{i}");
            Assert.True(callback.TaskStatus == "completed", $"{callback.Body}\n{bed.Service.Program.Tail}");
            Assert.Equal(1, callback.Json.GetProperty("result").GetProperty("commits").GetInt32());
        }

        // That a callback is delivered is stored a moment after its answer: a kill in between has it sent once more, and rightly so.
        await Eventually.IsTrueAsync(
            async () => await bed.Service.GetHealthAsync() is var now && now.GetProperty("running").GetInt32() == 0 && now.GetProperty("pendingTerminalCallbacks").GetInt32() == 0, $"all slots are free and nothing is owed. {bed.Service.Program.Tail}");
        var health = await bed.Service.GetHealthAsync();
        output.WriteLine(health.GetProperty("checks").ToString());
        Assert.Equal(("degraded", true, 1), (health.GetProperty("status").GetString(), health.GetProperty("admissionFrozen").GetBoolean(), health.GetProperty("queued").GetInt32()));

        // The ends are stored, and not only told.
        await bed.Service.KillAsync();
        bed.Service.ExpectedStatus = "degraded";
        await bed.Service.StartAgainAsync();
        for (var i = 0; i < Running; i++) Assert.Equal("completed", (await bed.Service.GetTaskAsync($"run-{i}")).GetProperty("status").GetString());
        Assert.Equal("queued", (await bed.Service.GetTaskAsync("wait-1")).GetProperty("status").GetString());
        pid = bed.Service.Program.Pid;
        await stop.CancelAsync();
        await filling;
        File.Delete(filler);
        Assert.Equal("completed", (await bed.Service.WaitForEndAsync("wait-1", TimeSpan.FromMinutes(3))).GetProperty("status").GetString());
        await Eventually.IsTrueAsync(async () => (await bed.Service.GetHealthAsync()).GetProperty("status").GetString() == "ready", "ready again");
        Assert.Equal(pid, bed.Service.Program.Pid);
        Assert.False(bed.Service.Program.HasExited);
        for (var i = 0; i < Running; i++) Assert.Single(bed.Receiver.Of($"run-{i}"));
        Assert.Empty(bed.Receiver.Violations);
    }

    private static long Fill(string path, FileMode mode = FileMode.Create)
    {
        using var file = new FileStream(path, mode, FileAccess.Write, FileShare.None, bufferSize: 0);
        foreach (var pieceLength in (int[])[1 << 20, 4096])
        {
            var piece = new byte[pieceLength];
            try
            {
                while (true) file.Write(piece);
            }
            catch (IOException)
            {
                // No room for another piece of this size.
            }
        }

        return file.Length;
    }

    private static void Shrink(string path, long length)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.None, bufferSize: 0);
        file.SetLength(length);
    }
}
