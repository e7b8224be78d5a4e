using System.Globalization;
using System.Text.Json;
using Orchestrator.Testing.Service;
using Xunit.Abstractions;

namespace Orchestrator.Silo.Tests.Service;

/// <summary>Whatever dies, no task is lost and none runs twice.</summary>
public sealed class CrashTests(ITestOutputHelper output)
{
    private const string WaitsForGo = "echo $$ | put agent.pid\nuntil [ -e \"$PLACE/go\" ]; do sleep 0.05; done\ncommit 'Went on'";

    [Fact]
    public async Task A_service_that_is_killed_while_an_agent_runs_adopts_it_at_its_next_start()
    {
        await using var bed = await ServiceBed.StartAsync(BuiltService.Program, ScriptAgent.RunsPrompt);
        var agent = await StartAsync(bed, "adopt-1", WaitsForGo);
        await bed.Service.KillAsync();
        Assert.True(MachineProcess.IsAlive(agent));
        await bed.Service.StartAgainAsync();
        output.WriteLine($"Ready again after {bed.Service.ReadyAfter.TotalSeconds:0.00} s.");
        Assert.Equal("running", Status(await bed.Service.GetTaskAsync("adopt-1")));
        Assert.True(MachineProcess.IsAlive(agent));

        await GoAsync(bed);
        await EndsOnceAsync(bed, "adopt-1", "completed", attempts: 1);
    }

    [Fact]
    public async Task An_agent_that_ends_while_the_service_is_down_is_collected_at_its_next_start()
    {
        await using var bed = await ServiceBed.StartAsync(BuiltService.Program, ScriptAgent.RunsPrompt);
        var agent = await StartAsync(bed, "down-1", WaitsForGo);
        await bed.Service.KillAsync();
        await GoAsync(bed);
        await Eventually.IsTrueAsync(() => File.Exists(Path.Combine(bed.Place.Session("down-1"), "exit.json")), "the session's end");
        Assert.False(MachineProcess.IsAlive(agent));
        await bed.Service.StartAgainAsync();
        await EndsOnceAsync(bed, "down-1", "completed", attempts: 1);
    }

    [Fact]
    public async Task A_service_that_is_told_to_end_leaves_the_agent_running()
    {
        await using var bed = await ServiceBed.StartAsync(BuiltService.Program, ScriptAgent.RunsPrompt);
        var agent = await StartAsync(bed, "term-1", WaitsForGo);
        Assert.Equal(0, await bed.Service.StopAsync());
        Assert.False(File.Exists(Path.Combine(bed.Place.Home, "service.json")));
        Assert.True(MachineProcess.IsAlive(agent));
        Assert.Single(bed.Place.SessionHosts());
        await bed.Service.StartAgainAsync();
        await GoAsync(bed);
        await EndsOnceAsync(bed, "term-1", "completed", attempts: 1);
    }

    [Theory]
    [InlineData("fetch")]
    [InlineData("worktree add")]
    [InlineData("reset --hard")]
    [InlineData("--shortstat")]
    public async Task A_service_that_is_killed_in_the_middle_of_git_goes_on_from_there(string command)
    {
        // Git, but the one command waits; a service that dies leaves it waiting.
        var git = Tool.Run("sh", "-c", "command -v git");
        await using var bed = await ServiceBed.StartAsync(BuiltService.Program, ScriptAgent.RunsPrompt, prepare: place =>
        {
            var slow = ScriptAgent.Write(place, $"case \"$*\" in *'{command}'*) touch \"$PLACE/in-git\"; until [ -e \"$PLACE/go\" ]; do sleep 0.05; done;; esac\nexec {git} \"$@\"", "slow-git");
            Directory.CreateDirectory(place.At("bin"));
            File.Move(slow.ProgramPath, place.At("bin", "git"));
        });
        var path = $"{bed.Place.At("bin")}:{Environment.GetEnvironmentVariable("PATH")}";
        await bed.Service.StopAsync();
        await bed.Service.StartAgainAsync(("PATH", path));
        await bed.SubmitAsync("git-1", "echo x >>\"$PLACE/runs\"\ncommit 'Did it'");
        await bed.WaitForFileAsync(bed.Place.At("in-git"));
        await bed.Service.KillAsync();
        await bed.Service.StartAgainAsync();
        await GoAsync(bed);
        await EndsOnceAsync(bed, "git-1", "completed", attempts: 1);
        Assert.Equal("x\n", await File.ReadAllTextAsync(bed.Place.At("runs")));
    }

    [Fact]
    public async Task A_terminal_that_dies_does_the_agent_no_harm()
    {
        await using var bed = await ServiceBed.StartAsync(BuiltService.Program, ScriptAgent.RunsPrompt);
        var agent = await StartAsync(bed, "view-1", WaitsForGo);
        Tool.Run("tmux", "-S", Assert.Single(bed.Place.TerminalSockets()), "kill-server");
        Assert.True(MachineProcess.IsAlive(agent));

        // A view is opened again, on whichever socket.
        await Eventually.IsTrueAsync(
            () => bed.Place.TerminalSockets().Any(socket => Tool.TryRun("tmux", "-S", socket, "has-session", "-t", "=cc-task-view-1").ExitCode == 0), "a new view of the session");
        Assert.True(MachineProcess.IsAlive(agent));
        await GoAsync(bed);
        await EndsOnceAsync(bed, "view-1", "completed", attempts: 1);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_session_that_is_lost_is_resumed_in_its_worktree_or_interrupted_as_configured(bool resumes)
    {
        await using var bed = await ServiceBed.StartAsync(
            BuiltService.Program, ScriptAgent.RunsPrompt, new Dictionary<string, string> { ["RESUME_AFTER_LOSS"] = resumes ? "true" : "false" });
        var agent = await StartAsync(
            bed, "lost-1",
            """
            if [ "$TASK_ATTEMPT" = 2 ]; then cat notes | put found; commit 'Second half'; exit 0; fi
            commit 'First half'
            echo 'not committed yet' >notes
            # As a git that is killed in the middle leaves it.
            touch "$(git rev-parse --git-path index.lock)"
            echo $$ | put agent.pid
            exec tail -f /dev/null
            """);
        MachineProcess.Kill(Assert.Single(bed.Place.SessionHosts()));
        if (!resumes)
        {
            await EndsOnceAsync(bed, "lost-1", "interrupted", attempts: 1);
            var result = bed.Receiver.Of("lost-1")[0].Json.GetProperty("result");
            Assert.Equal((true, 1), (result.GetProperty("partialWork").GetBoolean(), result.GetProperty("commits").GetInt32()));
        }
        else
        {
            var task = await EndsOnceAsync(bed, "lost-1", "completed", attempts: 2);
            Assert.Equal("lost", task.GetProperty("attempts")[0].GetProperty("outcome").GetString());
            Assert.Equal("not committed yet\n", await File.ReadAllTextAsync(bed.Place.At("found")));
            Assert.Equal(2, task.GetProperty("result").GetProperty("commits").GetInt32());
        }

        Assert.False(MachineProcess.IsAlive(agent));
        Assert.Empty(bed.Place.SessionProcesses());
    }

    [Fact]
    public async Task An_agent_that_is_killed_from_outside_is_started_once_more()
    {
        await using var bed = await ServiceBed.StartAsync(BuiltService.Program, ScriptAgent.RunsPrompt);
        var agent = await StartAsync(bed, "shot-1", "if [ \"$TASK_ATTEMPT\" = 2 ]; then commit 'Second try'; exit 0; fi\necho $$ | put agent.pid\nexec tail -f /dev/null");
        MachineProcess.Kill(agent);
        var task = await EndsOnceAsync(bed, "shot-1", "completed", attempts: 2);
        Assert.Equal("WORKER_INFRA_FAILURE", task.GetProperty("attempts")[0].GetProperty("outcome").GetString());
    }

    private static async Task<int> StartAsync(ServiceBed bed, string taskId, string prompt)
    {
        await bed.SubmitAsync(taskId, prompt);
        var pid = int.Parse(await bed.WaitForFileAsync(bed.Place.At("agent.pid")), CultureInfo.InvariantCulture);
        await bed.Service.WaitForTaskAsync(taskId, task => task.GetProperty("startedAt").ValueKind == JsonValueKind.String, "started");
        return pid;
    }

    private static Task GoAsync(ServiceBed bed) => File.WriteAllTextAsync(bed.Place.At("go"), "");

    private static async Task<JsonElement> EndsOnceAsync(ServiceBed bed, string taskId, string status, int attempts)
    {
        var task = await bed.Service.WaitForEndAsync(taskId);
        Assert.Equal((status, attempts), (Status(task), task.GetProperty("attempts").GetArrayLength()));
        Assert.Equal(status, Assert.Single(bed.Receiver.Of(taskId)).TaskStatus);
        Assert.Empty(bed.Receiver.Violations);
        Assert.Equal(1, (await bed.Service.GetHealthAsync()).GetProperty("available").GetInt32());
        return task;
    }

    private static string? Status(JsonElement task) => task.GetProperty("status").GetString();
}
