using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Orchestrator.Grains.AgentTasks;
using Orchestrator.Interfaces.Capacity;
using Orchestrator.Silo.Health;
using Orchestrator.Testing;
using Orleans.Runtime;

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
        // Not the disk's own cause: the service's look at its disk takes that one away whenever it comes.
        const string Cause = "test";
        await using var service = await ServiceUnderTest.StartAsync();
        service.Get<AdmissionGate>().Close(Cause, new("Disk is full", "", 60));
        var health = await HealthAsync(service);
        Assert.Equal("degraded", health.GetProperty("status").GetString());
        Assert.True(health.GetProperty("admissionFrozen").GetBoolean());
        service.Get<AdmissionGate>().Open(Cause);
        Assert.Equal("ready", (await HealthAsync(service)).GetProperty("status").GetString());
    }

    [Fact]
    public async Task A_capacity_grain_that_cannot_be_asked_is_degraded_with_the_last_figures()
    {
        await using var service = await ServiceUnderTest.StartAsync();
        service.Grains.AskCapacity = () => Task.FromException<CapacitySnapshot>(new OrleansException("/home/somebody/orchestrator.db is damaged"));
        CheckInTrouble(await HealthAsync(service), capacity: 0, queued: 0);

        service.Grains.AskCapacity = null;
        service.Grains.Capacity = new(2, 1, 5, 0, 9);
        Assert.Equal("ready", (await HealthAsync(service)).GetProperty("status").GetString());
        service.Grains.AskCapacity = () => throw new OrleansException("again");
        CheckInTrouble(await HealthAsync(service), capacity: 2, queued: 5);
    }

    [Fact]
    public async Task A_capacity_grain_that_hangs_is_waited_for_two_seconds()
    {
        await using var service = await ServiceUnderTest.StartAsync();
        var hangs = new TaskCompletionSource<CapacitySnapshot>();
        service.Grains.AskCapacity = () => hangs.Task;
        var asked = HealthAsync(service);
        await service.Clock.TimerDueInAsync(HealthFigures.Limit).Within("the answer is waited for");
        Assert.False(asked.IsCompleted);
        service.Clock.Advance(HealthFigures.Limit);
        CheckInTrouble(await asked, capacity: 0, queued: 0);
        hangs.SetResult(new(2, 0, 0, 0, 0));
    }

    [Fact]
    public async Task A_database_that_cannot_be_read_is_degraded()
    {
        await using var service = await ServiceUnderTest.StartAsync(
            overrides: services => services.AddSingleton<IAgentTaskCatalog>(provider => new UnreadableCatalog(ActivatorUtilities.CreateInstance<Orchestrator.Silo.Storage.SqliteAgentTaskCatalog>(provider))));
        CheckInTrouble(await HealthAsync(service), capacity: 0, queued: 0);
    }

    [Fact]
    public async Task A_database_that_cannot_be_written_closes_the_gate_until_it_can()
    {
        var probe = new FakeProbe();
        await using var service = await ServiceUnderTest.StartAsync(overrides: services => services.AddSingleton<IDatabaseProbe>(probe));
        var writes = service.Get<DatabaseWrites>();
        probe.Fault = new IOException("the disk says no");
        Assert.False((await writes.CheckAsync()).Ok);
        var refusal = service.Get<AdmissionGate>().Refusal!;
        Assert.Equal(("Database not writable", 30), (refusal.Error, refusal.RetryAfterSeconds));
        var health = await HealthAsync(service);
        Assert.Equal(("degraded", true), (health.GetProperty("status").GetString(), health.GetProperty("admissionFrozen").GetBoolean()));

        probe.Fault = null;
        Assert.True((await writes.CheckAsync()).Ok);
        Assert.Null(service.Get<AdmissionGate>().Refusal);
    }

    [Fact]
    public async Task The_service_itself_looks_whether_the_database_can_be_written()
    {
        var probe = new FakeProbe { Fault = new IOException("the disk says no") };
        await using var service = await ServiceUnderTest.StartAsync(overrides: services => services.AddSingleton<IDatabaseProbe>(probe));
        await service.Clock.TimerDueInAsync(TimeSpan.FromSeconds(15)).Within("it looks sooner again while there is trouble");
        Assert.NotNull(service.Get<AdmissionGate>().Refusal);
        Assert.Contains(service.Get<MachineChecks>().Latest, check => check is { Name: "database", Ok: false });

        probe.Fault = null;
        service.Clock.Advance(TimeSpan.FromSeconds(15));
        await service.Clock.TimerDueInAsync(TimeSpan.FromSeconds(60)).Within("it looks each minute again");
        Assert.Null(service.Get<AdmissionGate>().Refusal);
    }

    [Fact]
    public async Task A_write_that_hangs_is_one_that_fails_and_no_other_stands_behind_it()
    {
        var (clock, gate, probe) = (new ManualClock(), new AdmissionGate(), new FakeProbe());
        var hangs = new TaskCompletionSource();
        probe.Write = () => hangs.Task;
        var writes = new DatabaseWrites(probe, gate, clock, NullLogger<DatabaseWrites>.Instance);
        for (var i = 0; i < 2; i++)
        {
            var checkedNow = writes.CheckAsync();
            await clock.TimerDueInAsync(TimeSpan.FromSeconds(10)).Within("the write is waited for");
            clock.Advance(TimeSpan.FromSeconds(10));
            Assert.False((await checkedNow).Ok);
        }

        Assert.Equal(1, probe.Count);
        Assert.NotNull(gate.Refusal);
        hangs.SetResult();
        Assert.True((await writes.CheckAsync()).Ok);
    }

    [Fact]
    public async Task The_real_database_is_written_by_a_probe()
    {
        await using var service = await ServiceUnderTest.StartAsync();
        await service.Get<IDatabaseProbe>().WriteAsync().Within("a write");
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
        for (var look = 1; look <= 2; look++)
        {
            await service.Clock.TimerDueInAsync(TimeSpan.FromMilliseconds(500)).Within($"look {look} of the drain");
            service.Clock.Advance(TimeSpan.FromMilliseconds(500));
        }

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

    private static void CheckInTrouble(System.Text.Json.JsonElement health, int capacity, int queued)
    {
        Assert.Equal("degraded", health.GetProperty("status").GetString());
        Assert.True(health.GetProperty("admissionFrozen").GetBoolean());
        Assert.Equal((capacity, queued), (health.GetProperty("capacity").GetInt32(), health.GetProperty("queued").GetInt32()));
        var check = Assert.Single(health.GetProperty("checks").EnumerateArray(), check => check.GetProperty("name").GetString() == "database");
        Assert.False(check.GetProperty("ok").GetBoolean());
        Assert.NotEmpty(check.GetProperty("detail").GetString()!);
        Assert.DoesNotContain("/home/", check.GetProperty("detail").GetString(), StringComparison.Ordinal);
    }

    private sealed class FakeProbe : IDatabaseProbe
    {
        public Exception? Fault { get; set; }

        public Func<Task>? Write { get; set; }

        public int Count { get; private set; }

        public Task WriteAsync()
        {
            Count++;
            return Fault is { } fault ? Task.FromException(fault) : Write?.Invoke() ?? Task.CompletedTask;
        }
    }

    private sealed class UnreadableCatalog(IAgentTaskCatalog catalog) : IAgentTaskCatalog
    {
        public Task<CatalogAddOutcome> AddAsync(CatalogEntry entry, CancellationToken cancellationToken) => catalog.AddAsync(entry, cancellationToken);

        public Task UpdateAsync(CatalogEntry entry, CancellationToken cancellationToken) => catalog.UpdateAsync(entry, cancellationToken);

        public Task RemoveAsync(string taskId, CancellationToken cancellationToken) => catalog.RemoveAsync(taskId, cancellationToken);

        public IReadOnlyList<CatalogEntry> ReadOpen() => catalog.ReadOpen();

        public CatalogEntry? Find(string taskId) => catalog.Find(taskId);

        public CatalogPage ReadPage(CatalogQuery query) => catalog.ReadPage(query);

        public int CountOwing() => throw new OrleansException("/home/somebody/orchestrator.db is damaged");
    }

    private static Task Stopped(ServiceUnderTest service)
    {
        var stopped = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        service.App.Web.Lifetime.ApplicationStopping.Register(stopped.SetResult);
        return stopped.Task;
    }
}
