using Orchestrator.Silo.Tests.Service;
using Orchestrator.Testing.Service;

namespace Orchestrator.Silo.Tests.Scripts;

/// <summary><c>scripts/status.sh</c> and <c>scripts/stop.sh</c> with a service that runs.</summary>
public sealed class StatusAndStopTests
{
    [ScriptFact]
    public async Task The_status_is_told_and_a_stop_leaves_the_agent_running()
    {
        await using var bed = await ServiceBed.StartAsync(BuiltService.Program, ScriptAgent.RunsPrompt);
        await bed.SubmitAsync("long-1", "echo here | put started\nuntil [ -e \"$PLACE/go\" ]; do sleep 0.05; done\ncommit 'Done at last'");
        await bed.SubmitAsync("waits-1", "commit 'Waited'");
        await bed.WaitForFileAsync(bed.Place.At("started"));
        var pid = bed.Service.Program.Pid;

        var status = await RunAsync(bed, "scripts/status.sh");
        Assert.Equal((0, ""), (status.ExitCode, status.Error));
        Assert.Equal(
            [$"ready: {bed.Service.Url}, pid {pid}, home {bed.Place.Home}", "slots: 1 of 1 taken, 1 tasks wait, 0 callbacks owed", "newest tasks:", "  waits-1  queued", "  long-1  running"],
            status.Output.TrimEnd().Split('\n'));

        Assert.Equal(new ShellRun(0, """{"status":"paused","runningTasks":1,"queuedTasks":1}""" + "\n", ""), await RunAsync(bed, "scripts/pause.sh"));
        Assert.Equal(0, (await bed.Service.GetHealthAsync()).GetProperty("available").GetInt32());
        Assert.Equal(new ShellRun(0, """{"status":"resumed","runningTasks":1,"queuedTasks":1}""" + "\n", ""), await RunAsync(bed, "scripts/pause.sh", "--resume"));

        var hosts = bed.Place.SessionHosts();
        Assert.Equal(new ShellRun(0, $"Stopped (pid {pid}).\n", ""), await RunAsync(bed, "scripts/stop.sh"));
        Assert.Equal(0, await bed.Service.Program.WaitForExitAsync());
        Assert.Single(hosts);
        Assert.Equal(hosts, bed.Place.SessionHosts());
        Assert.Equal(new ShellRun(1, "", $"No service runs on {bed.Place.Home}. Start one with scripts/start.sh.\n"), await RunAsync(bed, "scripts/status.sh"));
        Assert.Equal(new ShellRun(1, "", $"No service runs on {bed.Place.Home}.\n"), await RunAsync(bed, "scripts/stop.sh"));

        await bed.Service.StartAgainAsync();
        await File.WriteAllTextAsync(bed.Place.At("go"), "");
        foreach (var taskId in (string[])["long-1", "waits-1"]) await bed.Service.WaitForEndAsync(taskId);
        Assert.Equal(["completed", "completed"], bed.Receiver.Received.Select(callback => callback.TaskStatus));
    }

    [ScriptFact]
    public async Task A_drain_waits_for_what_runs()
    {
        await using var bed = await ServiceBed.StartAsync(BuiltService.Program, ScriptAgent.RunsPrompt);
        await bed.SubmitAsync("drained-1", "echo here | put started\nuntil [ -e \"$PLACE/go\" ]; do sleep 0.05; done\ncommit 'Done at last'");
        await bed.WaitForFileAsync(bed.Place.At("started"));
        var stop = RunAsync(bed, "scripts/stop.sh", "--drain");
        await Eventually.IsTrueAsync(async () => (await bed.Service.GetHealthAsync()).GetProperty("admissionFrozen").GetBoolean(), "the drain's begin");
        Assert.False(stop.IsCompleted);
        await File.WriteAllTextAsync(bed.Place.At("go"), "");
        var stopped = await stop;
        Assert.Equal((0, ""), (stopped.ExitCode, stopped.Error));
        Assert.EndsWith($"Stopped (pid {bed.Service.Program.Pid}).\n", stopped.Output);

        // Its callback may be owed still: nothing waits for that.
        await bed.Service.StartAgainAsync();
        await bed.Service.WaitForEndAsync("drained-1");
        var callback = Assert.Single(bed.Receiver.Received);
        Assert.Equal(("completed", 1), (callback.TaskStatus, callback.Json.GetProperty("result").GetProperty("commits").GetInt32()));
        Assert.False(Directory.Exists(bed.Place.Session("drained-1", attempt: 2)));
    }

    [ScriptFact]
    public async Task Where_a_signature_is_needed_the_scripts_say_so()
    {
        await using var bed = await ServiceBed.StartAsync(BuiltService.Program, settings: new Dictionary<string, string> { ["ACCESS"] = "signed" });
        var status = await RunAsync(bed, "scripts/status.sh");
        Assert.Equal((0, ""), (status.ExitCode, status.Error));
        Assert.Contains("newest tasks: not shown, the list needs a signature here (ACCESS=signed)", status.Output);

        var drain = await RunAsync(bed, "scripts/stop.sh", "--drain");
        Assert.Equal((1, ""), (drain.ExitCode, drain.Output));
        Assert.Contains("ACCESS=signed", drain.Error);
        Assert.Equal(new ShellRun(1, "", "POST /admin/pause needs a signature here (ACCESS=signed).\n"), await RunAsync(bed, "scripts/pause.sh"));
        Assert.Equal(0, (await RunAsync(bed, "scripts/stop.sh")).ExitCode);
    }

    [ScriptFact]
    public async Task A_release_of_an_account_says_what_is_wrong_with_it()
    {
        await using var bed = await ServiceBed.StartAsync(BuiltService.Program);
        Assert.Equal(new ShellRun(1, "", "--release needs the name of an account: /health shows it under heldAccounts.\n"), await RunAsync(bed, "scripts/pause.sh", "--release"));
        var release = await RunAsync(bed, "scripts/pause.sh", "--release", "claude");
        Assert.Equal((1, ""), (release.ExitCode, release.Output));
        Assert.StartsWith("POST /admin/accounts/claude/release was answered with 404: ", release.Error, StringComparison.Ordinal);
        Assert.Contains("No usage limit holds the account claude. Held are: none.", release.Error, StringComparison.Ordinal);
    }

    private static Task<ShellRun> RunAsync(ServiceBed bed, params IReadOnlyList<string> arguments) => ShellRun.BashAsync(bed.Place.Home, arguments);
}
