using System.Net;
using System.Text.Json;
using Orchestrator.Testing.Service;

namespace Orchestrator.Silo.Tests.Service;

/// <summary>What the sweep takes for nobody's is nobody's, and what is not provably ours is never deleted.</summary>
public sealed class SweepLeftoversTests
{
    [Fact]
    public async Task An_agents_own_worktrees_stay_while_it_lives()
    {
        await using var bed = await ServiceBed.StartAsync(BuiltService.Program, ScriptAgent.RunsPrompt);
        await bed.SubmitAsync("own-1", """
            git worktree add -q ../beside
            git worktree add -q .claude/worktrees/inside
            echo $$ | put agent.pid
            until [ -e "$PLACE/go" ]; do sleep 0.05; done
            git -C ../beside status
            git -C .claude/worktrees/inside status
            git worktree remove ../beside
            git worktree remove .claude/worktrees/inside
            commit 'Went on'
            """);
        await bed.WaitForFileAsync(bed.Place.At("agent.pid"));
        var entries = Path.Combine(bed.Place.Home, "repositories", bed.Repository.Name + ".git", "worktrees");
        foreach (var folder in (string[])[bed.Place.Worktree("beside"), .. Directory.GetDirectories(entries)]) Directory.SetLastWriteTimeUtc(folder, DateTime.UnixEpoch);
        var swept = await SweepAsync(bed);
        Assert.Equal(0, swept.GetProperty("quarantined").GetArrayLength());
        Assert.Equal(["beside", "inside"], swept.GetProperty("kept").EnumerateArray().Select(one => one.GetProperty("name").GetString()).Order(StringComparer.Ordinal));
        await File.WriteAllTextAsync(bed.Place.At("go"), "");
        Assert.Equal("completed", (await bed.Service.WaitForEndAsync("own-1")).GetProperty("status").GetString());
    }

    [Fact]
    public async Task What_a_person_put_there_is_moved_and_kept_for_ever_and_a_link_is_never_followed()
    {
        await using var bed = await ServiceBed.StartAsync(
            BuiltService.Program, ScriptAgent.RunsPrompt, new Dictionary<string, string> { ["QUARANTINE_KEEP_DAYS"] = "0", ["TRANSCRIPT_KEEP_DAYS"] = "0", ["WORKTREE_KEEP_DAYS"] = "0" });
        await bed.RunAsync("linked-1", "commit 'Do it'");
        var sessions = Path.Combine(bed.Place.Home, "sessions");
        Directory.Move(Path.Combine(sessions, "linked-1"), bed.Place.At("elsewhere"));
        Directory.CreateSymbolicLink(Path.Combine(sessions, "linked-1"), bed.Place.At("elsewhere"));
        var files = Directory.GetFiles(bed.Place.At("elsewhere"), "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal).ToList();
        foreach (var name in (string[])["sessions/notes", "s/notes"])
        {
            Directory.CreateDirectory(Path.Combine(bed.Place.Home, name));
            await File.WriteAllTextAsync(Path.Combine(bed.Place.Home, name, "notes.txt"), "mine");
            Directory.SetLastWriteTimeUtc(Path.Combine(bed.Place.Home, name), DateTime.UnixEpoch);
        }

        // Neither name nor lock can be looked at: that is no reason not to look at the others.
        Directory.CreateDirectory(Path.Combine(sessions, "broken", "1.1"));
        File.CreateSymbolicLink(Path.Combine(sessions, "broken", "1.1", "lock"), "lock");
        foreach (var name in (string[])["1.1", ""]) Directory.SetLastWriteTimeUtc(Path.Combine(sessions, "broken", name), DateTime.UnixEpoch);

        var swept = await SweepAsync(bed);
        Assert.Contains(swept.GetProperty("kept").EnumerateArray(), one => one.GetProperty("name").GetString() == "broken");
        Assert.Equal(2, swept.GetProperty("quarantined").GetArrayLength());
        Assert.Equal(0, (await SweepAsync(bed)).GetProperty("quarantineRemoved").GetInt32());
        var aside = (await bed.Service.GetAsync("/admin/leftovers")).Json.GetProperty("quarantined").EnumerateArray().Where(one => one.GetProperty("name").GetString() == "notes").ToList();
        Assert.Equal(2, aside.Count);
        Assert.All(aside, one => Assert.True(File.Exists(Path.Combine(one.GetProperty("path").GetString()!, "notes", "notes.txt"))));
        Assert.Equal(files, Directory.GetFiles(bed.Place.At("elsewhere"), "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_session_that_has_just_ended_and_whose_task_was_lost_is_there_for_the_task_that_is_sent_again()
    {
        await using var bed = await ServiceBed.StartAsync(BuiltService.Program, ScriptAgent.RunsPrompt);
        const string Prompt = "echo ran >>\"$PLACE/runs\"\ncommit 'Once'";
        await bed.RunAsync("lost-1", Prompt);
        await bed.Service.StopAsync();
        foreach (var file in Directory.GetFiles(bed.Place.Home, "orchestrator.db*")) File.Delete(file);

        // Its folder was made hours ago, and it has ended just now.
        foreach (var folder in (string[])[bed.Place.Worktree("lost-1"), Path.GetDirectoryName(bed.Place.Session("lost-1"))!]) Directory.SetLastWriteTimeUtc(folder, DateTime.UnixEpoch);
        await bed.Service.StartAgainAsync();
        Assert.Equal(0, (await SweepAsync(bed)).GetProperty("quarantined").GetArrayLength());
        Assert.True(Directory.Exists(bed.Place.Worktree("lost-1")));
        Assert.Equal("completed", (await bed.RunAsync("lost-1", Prompt)).GetProperty("status").GetString());
        Assert.Single(await File.ReadAllLinesAsync(bed.Place.At("runs")));
    }

    private static async Task<JsonElement> SweepAsync(ServiceBed bed)
    {
        var answer = await bed.Service.SendAsync(HttpMethod.Post, "/admin/sweep");
        Assert.True(answer.Status == HttpStatusCode.OK, answer.Body);
        Assert.Equal(0, answer.Json.GetProperty("troubles").GetArrayLength());
        return answer.Json;
    }
}
