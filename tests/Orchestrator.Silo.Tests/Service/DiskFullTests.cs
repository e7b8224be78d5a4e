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

    private static long Fill(string path)
    {
        using var file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0);
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
