using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Orchestrator.Testing.Service;

namespace Orchestrator.Silo.Tests.Service;

/// <summary>
/// The power goes: service, session hosts, agents and terminals are killed at once, and what the sessions' files say of processes is of another boot, or of pids that others have by now. The files are
/// changed, as nobody can change the boot.
/// </summary>
public sealed class RebootTests
{
    private const string Prompt =
        """
        if [ "$TASK_ATTEMPT" = 2 ]; then commit 'Second half'; exit 0; fi
        echo "$TASK_ID $TASK_ATTEMPT" >>"$PLACE/runs"
        commit 'First half'
        echo $$ | put agent.pid
        exec tail -f /dev/null
        """;

    [Theory]
    [InlineData(true, true)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    public async Task After_a_loss_of_power_what_ran_is_resumed_or_interrupted_what_waited_goes_on_and_no_stranger_is_signalled(bool resumes, bool isAnotherBoot)
    {
        using var stranger = Process.Start(new ProcessStartInfo("sleep", ["600"]))!;
        try
        {
            await using var bed = await ServiceBed.StartAsync(
                BuiltService.Program, ScriptAgent.RunsPrompt, new Dictionary<string, string> { ["RESUME_AFTER_LOSS"] = resumes ? "true" : "false" });
            await bed.SubmitAsync("ran-1", Prompt);
            var agent = int.Parse(await bed.WaitForFileAsync(bed.Place.At("agent.pid")), CultureInfo.InvariantCulture);
            await bed.SubmitAsync("waited-1", "commit 'Went on'");
            await bed.Service.KillAsync();
            bed.Place.EndSessions();
            await Eventually.IsTrueAsync(() => !MachineProcess.IsAlive(agent) && bed.Place.SessionHosts().Count == 0, "all are dead");
            Rewrite(Path.Combine(bed.Place.Session("ran-1"), "started.json"), stranger.Id, isAnotherBoot);

            await bed.Service.StartAgainAsync();
            var ran = await bed.Service.WaitForEndAsync("ran-1");
            Assert.Equal((resumes ? "completed" : "interrupted", resumes ? 2 : 1), (ran.GetProperty("status").GetString(), ran.GetProperty("attempts").GetArrayLength()));
            Assert.Equal(resumes ? 2 : 1, ran.GetProperty("result").GetProperty("commits").GetInt32());
            Assert.Equal("completed", (await bed.Service.WaitForEndAsync("waited-1")).GetProperty("status").GetString());
            Assert.Equal("ran-1 1\n", await File.ReadAllTextAsync(bed.Place.At("runs")));
            Assert.Equal(1, (await bed.Service.GetHealthAsync()).GetProperty("available").GetInt32());
            Assert.False(stranger.HasExited);
            Assert.Single(bed.Receiver.Of("ran-1"));
            Assert.Empty(bed.Receiver.Violations);
        }
        finally
        {
            stranger.Kill();
        }
    }

    [Fact]
    public async Task A_cancellation_signals_nobody_who_has_the_pid_of_a_host_that_is_gone()
    {
        using var stranger = Process.Start(new ProcessStartInfo("sleep", ["600"]))!;
        try
        {
            await using var bed = await ServiceBed.StartAsync(BuiltService.Program, ScriptAgent.RunsPrompt, new Dictionary<string, string> { ["RESUME_AFTER_LOSS"] = "false" });
            await bed.SubmitAsync("ran-1", Prompt);
            await bed.WaitForFileAsync(bed.Place.At("agent.pid"));
            await bed.Service.KillAsync();
            bed.Place.EndSessions();
            Rewrite(Path.Combine(bed.Place.Session("ran-1"), "started.json"), stranger.Id, isAnotherBoot: false);
            await bed.Service.StartAgainAsync();
            await bed.Service.DeleteTaskAsync("ran-1");
            await bed.Service.WaitForEndAsync("ran-1");
            Assert.False(stranger.HasExited);
        }
        finally
        {
            stranger.Kill();
        }
    }

    /// <summary>The stranger has the pids now; it began at another time than they did.</summary>
    private static void Rewrite(string path, int pid, bool isAnotherBoot)
    {
        var started = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
        Assert.True(started.ContainsKey("bootId") && started.ContainsKey("hostPid") && started.ContainsKey("agentPid"), started.ToJsonString());
        (started["hostPid"], started["agentPid"]) = (pid, pid);
        if (isAnotherBoot) started["bootId"] = Guid.NewGuid().ToString();
        File.WriteAllText(path, started.ToJsonString());
    }
}
