using System.Net;
using System.Net.Sockets;
using Orchestrator.Testing.Service;

namespace Orchestrator.Silo.Tests.Service;

/// <summary>How the built service starts, does not start, and ends.</summary>
public sealed class StartAndStopTests
{
    [Fact]
    public async Task A_second_service_on_the_same_home_is_refused_with_pid_and_port_of_the_first()
    {
        await using var bed = await ServiceBed.StartAsync(BuiltService.Program);
        var (exitCode, error) = await RunAsync(bed.Place, ("DISPATCH_SECRET", "s"));
        Assert.Equal(1, exitCode);
        Assert.StartsWith($"Orchestrator does not start: Another service (pid {bed.Service.Program.Pid}, port {new Uri(bed.Service.Url).Port}, {bed.Service.Url}) runs on", error);
        Assert.Single(error.Split('\n'));
        Assert.Equal("ready", (await bed.Service.GetHealthAsync()).GetProperty("status").GetString());
    }

    [Fact]
    public async Task What_is_wrong_with_a_start_is_said_in_one_line()
    {
        using var place = new ServicePlace();
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var port = ((IPEndPoint)taken.LocalEndpoint).Port;
        await DoesNotStartAsync(place, "DISPATCH_SECRET is not set");
        await DoesNotStartAsync(place, $"Port {port} at 127.0.0.1 is in use", ("DISPATCH_SECRET", "s"), ("PORT", $"{port}"));
        await DoesNotStartAsync(place, "WORKER_CAPACITY", ("DISPATCH_SECRET", "s"), ("WORKER_CAPACITY", "many"));
    }

    [Fact]
    public async Task A_shutdown_that_is_asked_for_waits_for_what_runs_and_ends_with_zero()
    {
        await using var bed = await ServiceBed.StartAsync(BuiltService.Program, ScriptAgent.RunsPrompt);
        await bed.SubmitAsync("drain-1", "echo $$ | put agent.pid\nuntil [ -e \"$PLACE/go\" ]; do sleep 0.05; done\ncommit 'Done in time'");
        await bed.WaitForFileAsync(bed.Place.At("agent.pid"));
        var answer = await bed.Service.SendAsync(HttpMethod.Post, "/admin/shutdown");
        Assert.Equal((200, """{"status":"shutting_down","runningTasks":1}"""), ((int)answer.Status, answer.Body));
        var health = await bed.Service.GetHealthAsync();
        Assert.Equal(("degraded", true), (health.GetProperty("status").GetString(), health.GetProperty("admissionFrozen").GetBoolean()));
        var refused = await bed.Service.PostTaskAsync(bed.Body("drain-2"));
        Assert.Equal(503, (int)refused.Status);
        Assert.True(refused.Headers.ContainsKey("Retry-After"));

        await File.WriteAllTextAsync(bed.Place.At("go"), "");
        Assert.Equal(0, await bed.Service.Program.WaitForExitAsync());
        await bed.Service.StartAgainAsync();
        var task = await bed.Service.WaitForEndAsync("drain-1");
        Assert.Equal(("completed", 1), (task.GetProperty("status").GetString(), task.GetProperty("attempts").GetArrayLength()));
        Assert.Equal(404, (int)(await bed.Service.GetAsync("/tasks/drain-2")).Status);
        Assert.Single(bed.Receiver.Of("drain-1"));
        Assert.Empty(bed.Receiver.Violations);
    }

    private static async Task DoesNotStartAsync(ServicePlace place, string why, params (string Name, string Value)[] settings)
    {
        var (exitCode, error) = await RunAsync(place, settings);
        Assert.Equal(1, exitCode);
        Assert.StartsWith("Orchestrator does not start: ", error);
        Assert.Contains(why, error);
        Assert.Single(error.Split('\n'));
    }

    private static async Task<(int ExitCode, string Error)> RunAsync(ServicePlace place, params (string Name, string Value)[] settings)
    {
        using var program = ServiceProgram.Start(BuiltService.Program, place, settings.ToDictionary(setting => setting.Name, setting => setting.Value, StringComparer.Ordinal));
        return (await program.WaitForExitAsync(), program.Error);
    }
}
