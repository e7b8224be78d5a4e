using System.Net;
using System.Text.Json;
using Orchestrator.Testing.Service;

namespace Orchestrator.Silo.Tests.Service;

/// <summary>Kept worktrees go by policy, and nothing that an agent did goes with them.</summary>
public sealed class SweepTests
{
    private const string WaitsForGo = "echo $$ | put agent.pid\nuntil [ -e \"$PLACE/go\" ]; do sleep 0.05; done\ncommit 'Went on'";

    private static readonly Dictionary<string, string> AtOnce = new()
    {
        ["WORKTREE_KEEP_DAYS"] = "0",
        ["TRANSCRIPT_COMPRESS_DAYS"] = "0",
        ["WORKER_CAPACITY"] = "2",
    };

    [Fact]
    public async Task A_swept_worktree_is_saved_first_and_one_at_work_is_left()
    {
        await using var bed = await ServiceBed.StartAsync(BuiltService.Program, ScriptAgent.RunsPrompt, AtOnce);
        await bed.RunAsync("old-1", "commit 'Do it'\necho dirty >left.txt\nfor i in $(seq 500); do echo \"line $i\"; done");
        await bed.SubmitAsync("busy-1", WaitsForGo);
        await bed.WaitForFileAsync(bed.Place.At("agent.pid"));
        var transcript = await bed.Service.GetTranscriptAsync("old-1");

        var plan = await SweepAsync(bed, "?dryRun=true");
        Assert.Equal(["old-1"], NamesIn(plan, "removed"));
        Assert.True(Directory.Exists(bed.Place.Worktree("old-1")));

        var swept = await SweepAsync(bed);
        Assert.Equal(["old-1"], NamesIn(swept, "removed"));
        Assert.False(Directory.Exists(bed.Place.Worktree("old-1")));
        Assert.True(Directory.Exists(bed.Place.Worktree("busy-1")));
        Assert.Equal(["worktrees/busy-1"], Directory.GetDirectories(Path.Combine(bed.Place.Home, "worktrees")).Select(path => Path.GetRelativePath(bed.Place.Home, path)));
        Assert.Equal("dirty", bed.Mirror("show", "refs/orchestrator/salvage/old-1/1.1:left.txt"));
        Assert.Equal("Do it", bed.Mirror("show", "-s", "--format=%s", "task/old-1"));
        var task = await bed.Service.GetTaskAsync("old-1");
        Assert.Equal((JsonValueKind.Null, "completed"), (task.GetProperty("worktreePath").ValueKind, task.GetProperty("status").GetString()));
        Assert.Equal("worktree_removed", task.GetProperty("timeline").EnumerateArray().Last().GetProperty("event").GetString());
        Assert.True(task.TryGetProperty("worktreeRemovedAt", out _));

        Assert.Equal(3, swept.GetProperty("filesCompressed").GetInt32());
        Assert.False(File.Exists(Path.Combine(bed.Place.Session("old-1"), "transcript.log")));
        Assert.Equal(transcript, await bed.Service.GetTranscriptAsync("old-1"));
        Assert.Contains("line 500", transcript, StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(bed.Place.Session("busy-1"), "transcript.log")));
        Assert.Empty(NamesIn(await SweepAsync(bed), "removed"));
        await File.WriteAllTextAsync(bed.Place.At("go"), "");
        Assert.Equal("completed", (await bed.Service.WaitForEndAsync("busy-1")).GetProperty("status").GetString());
        Assert.Equal(HttpStatusCode.BadRequest, (await bed.Service.SendAsync(HttpMethod.Post, "/admin/sweep?dryRun=perhaps")).Status);

        await bed.Service.StopAsync();
        await bed.Service.StartAgainAsync(("TRANSCRIPT_KEEP_DAYS", "0"));
        Assert.Equal(2, (await SweepAsync(bed)).GetProperty("sessionsRemoved").GetInt32());
        Assert.Empty(Directory.GetDirectories(Path.Combine(bed.Place.Home, "sessions")));
        Assert.Equal("", await bed.Service.GetTranscriptAsync("old-1"));
    }

    [Fact]
    public async Task A_service_that_is_killed_in_the_middle_of_a_sweep_goes_on_from_there()
    {
        await using var bed = await StartWithGitAsync("case \"$*\" in *'update-ref refs/orchestrator/salvage'*) touch \"$PLACE/in-git\"; until [ -e \"$PLACE/go\" ]; do sleep 0.05; done;; esac");
        await bed.RunAsync("cut-1", "commit 'Do it'\necho dirty >left.txt");
        var sweep = bed.Service.SendAsync(HttpMethod.Post, "/admin/sweep");
        await bed.WaitForFileAsync(bed.Place.At("in-git"));
        await bed.Service.KillAsync();
        await Assert.ThrowsAnyAsync<Exception>(() => sweep);
        Assert.True(File.Exists(Path.Combine(bed.Place.Worktree("cut-1"), "left.txt")));
        await File.WriteAllTextAsync(bed.Place.At("go"), "");
        await bed.Service.StartAgainAsync();
        Assert.Equal(["cut-1"], NamesIn(await SweepAsync(bed), "removed"));
        Assert.Equal("dirty", bed.Mirror("show", "refs/orchestrator/salvage/cut-1/1.1:left.txt"));
    }

    [Fact]
    public async Task What_cannot_be_saved_stays_and_is_reported()
    {
        await using var bed = await StartWithGitAsync("if [ -e \"$PLACE/broken\" ]; then case \"$*\" in *write-tree*) echo 'fatal: disk broken' >&2; exit 128;; esac; fi");
        await bed.RunAsync("stuck-1", "echo dirty >left.txt");
        await File.WriteAllTextAsync(bed.Place.At("broken"), "");
        var swept = await SweepAsync(bed);
        Assert.Empty(NamesIn(swept, "removed"));
        Assert.Equal(["stuck-1"], NamesIn(swept, "kept"));
        Assert.True(File.Exists(Path.Combine(bed.Place.Worktree("stuck-1"), "left.txt")));
        var health = await bed.Service.GetHealthAsync();
        var check = Assert.Single(health.GetProperty("checks").EnumerateArray(), check => check.GetProperty("name").GetString() == "cleanup");
        Assert.False(check.GetProperty("ok").GetBoolean());
        Assert.Contains("stuck-1", check.GetProperty("detail").GetString(), StringComparison.Ordinal);
        Assert.Equal("ready", health.GetProperty("status").GetString());

        // A service that starts knows nothing of the failure.
        File.Delete(bed.Place.At("broken"));
        await bed.Service.RestartAsync();
        Assert.Equal(["stuck-1"], NamesIn(await SweepAsync(bed), "removed"));
        Assert.Equal("dirty", bed.Mirror("show", "refs/orchestrator/salvage/stuck-1/1.1:left.txt"));
    }

    [Fact]
    public async Task After_the_loss_of_the_database_what_lives_is_reported_and_the_rest_put_aside()
    {
        await using var bed = await ServiceBed.StartAsync(BuiltService.Program, ScriptAgent.RunsPrompt, new Dictionary<string, string> { ["WORKER_CAPACITY"] = "2" });
        await bed.RunAsync("gone-1", "commit 'Do it'\necho dirty >left.txt");
        await bed.SubmitAsync("alive-1", WaitsForGo);
        var agent = int.Parse(await bed.WaitForFileAsync(bed.Place.At("agent.pid")), System.Globalization.CultureInfo.InvariantCulture);
        await bed.Service.StopAsync();
        foreach (var file in Directory.GetFiles(bed.Place.Home, "orchestrator.db*")) File.Delete(file);
        MakeOld(bed);
        await bed.Service.StartAgainAsync();

        var found = (await bed.Service.GetAsync("/admin/leftovers")).Json.GetProperty("found").EnumerateArray().ToList();
        Assert.Equal(["session alive-1", "session gone-1", "worktree alive-1", "worktree gone-1"],
            found.Where(one => one.GetProperty("kind").GetString() != "sockets").Select(one => $"{one.GetProperty("kind")} {one.GetProperty("name")}").Order(StringComparer.Ordinal));
        Assert.All(found, one => Assert.Equal(one.GetProperty("name").GetString() == "gone-1", one.GetProperty("alive").ValueKind == JsonValueKind.Null));

        await SweepAsync(bed);
        Assert.True(MachineProcess.IsAlive(agent));
        Assert.True(Directory.Exists(bed.Place.Worktree("alive-1")) && Directory.Exists(bed.Place.Session("alive-1")));
        Assert.False(Directory.Exists(bed.Place.Worktree("gone-1")) || Directory.Exists(bed.Place.Session("gone-1")));
        Assert.Equal("dirty", bed.Mirror("show", "refs/orchestrator/salvage/gone-1/1.1:left.txt"));
        var aside = (await bed.Service.GetAsync("/admin/leftovers")).Json.GetProperty("quarantined").EnumerateArray().ToList();
        var tree = Assert.Single(aside, one => one.GetProperty("from").GetString() == bed.Place.Worktree("gone-1"));
        Assert.Equal("dirty\n", await File.ReadAllTextAsync(Path.Combine(tree.GetProperty("path").GetString()!, "gone-1", "left.txt")));
        Assert.Contains(aside, one => one.GetProperty("kind").GetString() == "session");

        // Once it has ended, it goes the same way.
        await File.WriteAllTextAsync(bed.Place.At("go"), "");
        await Eventually.IsTrueAsync(() => bed.Place.SessionProcesses().Count == 0 && bed.Place.SessionHosts().Count == 0, "the agent's end");
        foreach (var socket in bed.Place.TerminalSockets()) Tool.TryRun("tmux", "-S", socket, "kill-server");
        MakeOld(bed);
        await SweepAsync(bed);
        Assert.False(Directory.Exists(bed.Place.Worktree("alive-1")) || Directory.Exists(bed.Place.Session("alive-1")));
        Assert.Equal("Went on", bed.Mirror("show", "-s", "--format=%s", "refs/orchestrator/salvage/alive-1/1.1"));

        await bed.Service.StopAsync();
        await bed.Service.StartAgainAsync(("QUARANTINE_KEEP_DAYS", "0"));
        Assert.NotEqual(0, (await SweepAsync(bed)).GetProperty("quarantineRemoved").GetInt32());
        Assert.Empty(Directory.GetFileSystemEntries(Path.Combine(bed.Place.Home, "quarantine")));
        Assert.Equal("dirty", bed.Mirror("show", "refs/orchestrator/salvage/gone-1/1.1:left.txt"));
    }

    [Fact]
    public async Task A_sweep_does_not_get_in_the_way_of_a_task_that_goes_on_with_the_branch()
    {
        await using var bed = await ServiceBed.StartAsync(BuiltService.Program, ScriptAgent.RunsPrompt, AtOnce);
        Tool.Run("git", "-C", bed.Repository.Origin, "branch", "feature/x", "main");
        for (var round = 1; round <= 4; round++)
        {
            await bed.SubmitAsync($"next-{round}", $"commit 'Round {round}'\ngit push -q origin HEAD", ("continuationPrBranch", "feature/x"));
            await Task.WhenAll(SweepAsync(bed), SweepAsync(bed));
            Assert.Equal("completed", (await bed.Service.WaitForTaskAsync(
                $"next-{round}", task => task.GetProperty("phase").GetString() == "ended", "ended", TimeSpan.FromMinutes(3))).GetProperty("status").GetString());
        }

        Assert.Equal("4", Tool.Run("git", "-C", bed.Repository.Origin, "rev-list", "--count", "main..feature/x"));
    }

    private static void MakeOld(ServiceBed bed)
    {
        foreach (var file in Directory.GetFileSystemEntries(Path.Combine(bed.Place.Home, "sessions"), "*", SearchOption.AllDirectories)) File.SetLastWriteTimeUtc(file, DateTime.UnixEpoch);
        foreach (var folder in (string[])["worktrees", "sessions", "s"])
            foreach (var entry in Directory.GetDirectories(Path.Combine(bed.Place.Home, folder))) Directory.SetLastWriteTimeUtc(entry, DateTime.UnixEpoch);
    }

    private static async Task<ServiceBed> StartWithGitAsync(string lines)
    {
        var git = Tool.Run("sh", "-c", "command -v git");
        var bed = await ServiceBed.StartAsync(BuiltService.Program, ScriptAgent.RunsPrompt, AtOnce, prepare: place =>
        {
            var program = ScriptAgent.Write(place, $"{lines}\nexec {git} \"$@\"", "other-git");
            Directory.CreateDirectory(place.At("bin"));
            File.Move(program.ProgramPath, place.At("bin", "git"));
        });
        await bed.Service.StopAsync();
        await bed.Service.StartAgainAsync(("PATH", $"{bed.Place.At("bin")}:{Environment.GetEnvironmentVariable("PATH")}"));
        return bed;
    }

    private static async Task<JsonElement> SweepAsync(ServiceBed bed, string query = "")
    {
        var answer = await bed.Service.SendAsync(HttpMethod.Post, "/admin/sweep" + query);
        Assert.True(answer.Status == HttpStatusCode.OK, answer.Body);
        Assert.Equal(0, answer.Json.GetProperty("troubles").GetArrayLength());
        return answer.Json;
    }

    private static IEnumerable<string?> NamesIn(JsonElement swept, string member) => swept.GetProperty(member).EnumerateArray().Select(one => one.GetProperty("name").GetString());
}
