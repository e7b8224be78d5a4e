using System.Globalization;
using System.Text.Json;
using Orchestrator.Testing.Service;
using Xunit.Abstractions;

namespace Orchestrator.Silo.Tests.Service;

/// <summary>Whatever dies, no task is lost and none runs twice.</summary>
public sealed class CrashTests(ITestOutputHelper output)
{
    // Says in the agents' log, outside of any worktree, that this attempt began and ended.
    private const string LogsRuns =
        """
        echo "start $TASK_ID $TASK_ATTEMPT" >>"$PLACE/agents.log"
        trap 'echo "end $TASK_ID $TASK_ATTEMPT" >>"$PLACE/agents.log"' EXIT
        """;

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
    public async Task A_service_that_is_killed_ten_times_at_any_moment_ends_every_task_once()
    {
        const int Cycles = 10;
        var random = new Random(20260726);
        await using var bed = await ServiceBed.StartAsync(
            BuiltService.Program, LogsRuns + "\ncat >prompt.md\nsleep 0.3\ngit add prompt.md\ngit -c user.name=A -c user.email=a@localhost commit -q -m 'Did it'\necho done",
            new Dictionary<string, string> { ["WORKER_CAPACITY"] = "3" });
        var acknowledged = new List<string>();
        for (var cycle = 0; cycle < Cycles; cycle++)
        {
            var ids = Enumerable.Range(0, 2).Select(i => $"kill-{cycle}-{i}").ToList();
            var posts = ids.Select(async id => await TryPostAsync(bed, id) ? id : null).ToList();

            // The moment is the test: from before the answer until after the end.
            await Task.Delay(TimeSpan.FromMilliseconds(random.Next(2000)), TimeProvider.System);
            await bed.Service.KillAsync();
            acknowledged.AddRange((await Task.WhenAll(posts)).OfType<string>());
            await bed.Service.StartAgainAsync();
        }

        output.WriteLine($"{acknowledged.Count} of {2 * Cycles} tasks were acknowledged.");
        foreach (var id in acknowledged)
        {
            var task = await bed.Service.WaitForEndAsync(id, TimeSpan.FromMinutes(3));
            Assert.True(Status(task) == "completed", $"{task}\n{bed.Service.Program.Tail}");
            Assert.Equal(1, task.GetProperty("result").GetProperty("commits").GetInt32());
            Assert.Single(bed.Receiver.Of(id).Select(callback => callback.Body).Distinct(StringComparer.Ordinal));
        }

        var runs = await File.ReadAllLinesAsync(bed.Place.At("agents.log"));
        Assert.Equal(runs.Length, runs.Distinct(StringComparer.Ordinal).Count());
        Assert.All(acknowledged, id => Assert.Equal([$"start {id} 1", $"end {id} 1"], runs.Where(run => run.Contains($" {id} ", StringComparison.Ordinal))));
        output.WriteLine($"Callbacks that came twice: {bed.Receiver.Received.GroupBy(callback => callback.Id).Count(same => same.Count() > 1)}.");

        // Tasks whose answer nobody got may have been taken all the same, and a place in the line that no task took is dropped at the next count, within a minute.
        await Eventually.IsTrueAsync(async () => (await bed.Service.GetHealthAsync()).GetProperty("available").GetInt32() == 3, "all slots are free", TimeSpan.FromMinutes(3));
        Assert.Empty(bed.Place.SessionHosts());
        Assert.Empty(bed.Receiver.Violations);
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

    /// <summary>False when the service died over it: then nobody knows whether it was taken.</summary>
    private static async Task<bool> TryPostAsync(ServiceBed bed, string taskId)
    {
        try
        {
            return (int)(await bed.Service.PostTaskAsync(bed.Body(taskId))).Status == 202;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    private static string? Status(JsonElement task) => task.GetProperty("status").GetString();
}
