using Orchestrator.Silo.Health;
using Orchestrator.Testing;

namespace Orchestrator.Silo.Tests.Http;

/// <summary>Contract §2: health and stopping.</summary>
public sealed class HealthTests
{
    [Fact]
    public async Task A_full_service_is_ready()
    {
        await using var service = await ServiceUnderTest.StartAsync();
        service.Grains.Capacity = new(2, 2, 5, 1, 9);
        var health = await HealthAsync(service);
        Assert.Equal("ready", health.GetProperty("status").GetString());
        Assert.Equal((2, 2, 0, 5), (Int("capacity"), Int("running"), Int("available"), Int("queued")));
        Assert.Equal((1, 9), (Int("pendingAdmissions"), Int("admissionActivityTotal")));
        Assert.False(health.GetProperty("admissionFrozen").GetBoolean());
        Assert.Equal("active", health.GetProperty("workerAuths").GetProperty("claude").GetProperty("status").GetString());
        int Int(string name) => health.GetProperty(name).GetInt32();
    }

    [Fact]
    public async Task A_closed_gate_is_degraded_and_frozen()
    {
        await using var service = await ServiceUnderTest.StartAsync();
        service.Get<AdmissionGate>().Close(AdmissionGate.Disk, new("Disk is full", "", 60));
        var health = await HealthAsync(service);
        Assert.Equal("degraded", health.GetProperty("status").GetString());
        Assert.True(health.GetProperty("admissionFrozen").GetBoolean());
        service.Get<AdmissionGate>().Open(AdmissionGate.Disk);
        Assert.Equal("ready", (await HealthAsync(service)).GetProperty("status").GetString());
    }

    [Fact]
    public async Task A_shutdown_waits_for_what_runs_and_then_stops()
    {
        await using var service = await ServiceUnderTest.StartAsync();
        service.Grains.Capacity = new(2, 1, 0, 0, 1);
        var stopped = Stopped(service);
        Assert.Equal(1, (await (await service.SendAsync(HttpMethod.Post, "/admin/shutdown")).JsonAsync()).GetProperty("runningTasks").GetInt32());
        Assert.Equal("Service is shutting down", service.Get<AdmissionGate>().Refusal!.Error);

        var health = await HealthAsync(service);
        Assert.Equal(("degraded", true), (health.GetProperty("status").GetString(), health.GetProperty("admissionFrozen").GetBoolean()));
        Assert.Equal(1, (await (await service.SendAsync(HttpMethod.Post, "/admin/shutdown")).JsonAsync()).GetProperty("runningTasks").GetInt32());
        Assert.False(stopped.IsCompleted);

        service.Grains.Capacity = new(2, 0, 0, 0, 1);
        await service.Clock.TimerDueInAsync(TimeSpan.FromMilliseconds(500)).Within("the drain looks again");
        service.Clock.Advance(TimeSpan.FromMilliseconds(500));
        await stopped.Within("the service stops");
        Assert.Equal(ServiceStage.ShuttingDown, service.Get<ServiceStatus>().Stage);
    }

    [Fact]
    public async Task A_shutdown_leaves_running_what_does_not_end_in_time()
    {
        await using var service = await ServiceUnderTest.StartAsync(args: ["--SHUTDOWN_DRAIN_SECONDS", "1.5"]);
        var stopped = Stopped(service);
        await service.SendAsync(HttpMethod.Post, "/admin/shutdown");
        for (var i = 0; i < 3; i++)
        {
            Assert.False(stopped.IsCompleted);
            await service.Clock.TimerDueInAsync(TimeSpan.FromMilliseconds(500)).Within("the drain looks again");
            service.Clock.Advance(TimeSpan.FromMilliseconds(500));
        }

        await stopped.Within("the service stops");
        Assert.Equal(ServiceStage.Draining, service.Get<ServiceStatus>().Stage);
    }

    private static async Task<System.Text.Json.JsonElement> HealthAsync(ServiceUnderTest service)
    {
        var response = await service.SendAsync(HttpMethod.Get, "/health");
        Assert.Equal(200, (int)response.StatusCode);
        return await response.JsonAsync();
    }

    private static Task Stopped(ServiceUnderTest service)
    {
        var stopped = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        service.App.Web.Lifetime.ApplicationStopping.Register(stopped.SetResult);
        return stopped.Task;
    }
}
