using System.Net;
using System.Net.Sockets;
using Orchestrator.Testing.Service;

namespace Orchestrator.Silo.Tests.Service;

/// <summary>A remote that accepts and says nothing.</summary>
public sealed class HangingGitTests
{
    [Fact]
    public async Task A_git_that_hangs_is_ended_with_its_helpers_and_holds_up_no_other_repository()
    {
        using var remote = new TcpListener(IPAddress.Loopback, 0);
        remote.Start();
        var port = ((IPEndPoint)remote.LocalEndpoint).Port;
        await using var bed = await ServiceBed.StartAsync(
            BuiltService.TestProgram, ScriptAgent.RunsPrompt, new Dictionary<string, string> { ["WORKER_CAPACITY"] = "2", ["TEST_GIT_SECONDS"] = "6" },
            prepare: place => File.WriteAllText(Path.Combine(place.User, ".gitconfig"), $"[url \"http://127.0.0.1:{port}/hang/\"]\n\tinsteadOf = file://{place.Origins}/hang/\n"));
        await bed.SubmitAsync("hang-1", "commit 'Never'", ("repository", "hang/it"));
        await Eventually.IsTrueAsync(() => HelpersOf(port).Count > 0, "git talks to the remote");
        Assert.Equal("completed", (await bed.RunAsync("good-1", "commit 'Did it'")).GetProperty("status").GetString());
        Assert.NotEqual("ended", (await bed.Service.GetTaskAsync("hang-1")).GetProperty("phase").GetString());

        var hung = await bed.Receiver.WaitAsync("hang-1");
        Assert.Equal(("failed", "SETUP_FAILED"), (hung.TaskStatus, hung.ErrorCode));
        Assert.Contains("took too long", hung.Body, StringComparison.Ordinal);
        Assert.Empty(HelpersOf(port));
        await Eventually.IsTrueAsync(async () => (await bed.Service.GetHealthAsync()).GetProperty("available").GetInt32() == 2, "both slots are free");
        Assert.Empty(bed.Receiver.Violations);
    }

    /// <summary>The fetch and its helper for HTTP: both have the URL among their arguments.</summary>
    private static List<int> HelpersOf(int port) =>
        [.. MachineProcess.All().Where(pid => MachineProcess.CommandLineOf(pid).Contains($"http://127.0.0.1:{port}/", StringComparison.Ordinal) && MachineProcess.IsAlive(pid))];
}
