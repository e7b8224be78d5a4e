using Orchestrator.Processes;
using Orchestrator.Testing.Service;

namespace Orchestrator.Silo.Tests.Service;

/// <summary>A minute after the end of a task nothing of it is left but what policy keeps.</summary>
public sealed class NothingIsLeftTests
{
    private const string Secret = "agents-own-key-0123456789";

    [Fact]
    public async Task Neither_processes_nor_terminals_sockets_locks_leases_or_keys()
    {
        await using var bed = await ServiceBed.StartAsync(
            BuiltService.Program, ScriptAgent.RunsPrompt, new Dictionary<string, string> { ["WORKER_CAPACITY"] = "3", ["AGENT_ENV"] = "AGENT_KEY", ["AGENT_KEY"] = Secret });
        await bed.SubmitAsync("left-1", "setsid sleep 600 &\nnohup sleep 600 >/dev/null 2>&1 &\ncommit 'Do it'");
        await bed.SubmitAsync("left-2", "sleep 600 &\nexit 3");
        await bed.SubmitAsync("left-3", "echo x | put running\nsleep 600");
        await bed.WaitForFileAsync(bed.Place.At("running"));
        Assert.NotEmpty(bed.Place.SessionProcesses());
        Assert.NotEmpty(bed.Place.TerminalSockets());
        await bed.Service.DeleteTaskAsync("left-3");
        foreach (var taskId in (string[])["left-1", "left-2", "left-3"])
            await bed.Service.WaitForTaskAsync(taskId, task => task.GetProperty("phase").GetString() == "ended", "ended");

        await Eventually.FoundAsync(
            async () => (await LeftAsync(bed)).Count == 0 ? "nothing" : null, async () => $"nothing is left: {string.Join(", ", await LeftAsync(bed))}", TimeSpan.FromSeconds(60));
        Assert.Equal(["left-1", "left-2", "left-3"], Directory.GetDirectories(Path.Combine(bed.Place.Home, "worktrees")).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    private static async Task<List<string>> LeftAsync(ServiceBed bed)
    {
        var left = new List<string>();
        left.AddRange(bed.Place.SessionProcesses().Select(pid => $"process {MachineProcess.CommandLineOf(pid)}"));
        left.AddRange(bed.Place.SessionHosts().Select(pid => $"host {pid}"));
        left.AddRange(MachineProcess.All().Where(pid => MachineProcess.CommandLineOf(pid).Contains($"{bed.Place.Home}/s/", StringComparison.Ordinal)).Select(pid => $"terminal {pid}"));
        left.AddRange(Directory.GetFileSystemEntries(Path.Combine(bed.Place.Home, "s")));
        var sessions = Directory.GetDirectories(Path.Combine(bed.Place.Home, "sessions")).SelectMany(Directory.GetDirectories).ToList();
        left.AddRange(sessions.Select(session => Path.Combine(session, "lock")).Where(FileLock.IsHeld));
        left.AddRange(sessions.SelectMany(Directory.GetFiles).Where(file => Path.GetFileName(file) != "lock" && File.ReadAllText(file).Contains(Secret, StringComparison.Ordinal)).Select(file => $"key in {file}"));
        var health = await bed.Service.GetHealthAsync();
        if (health.GetProperty("running").GetInt32() > 0) left.Add("a lease");
        return left;
    }
}
