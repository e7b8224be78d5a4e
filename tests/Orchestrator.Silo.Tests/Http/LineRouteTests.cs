using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Orchestrator.Grains.AgentTasks;
using Orchestrator.Grains.Capacity;
using Orchestrator.Interfaces.AgentTasks;

namespace Orchestrator.Silo.Tests.Http;

/// <summary>The routes that change who gets a slot when, and what /health says of it.</summary>
public sealed class LineRouteTests
{
    [Fact]
    public async Task Another_priority_is_given()
    {
        await using var service = await ServiceUnderTest.StartAsync();
        service.Grains.Task("task-1").Reprioritize = priority => new(PriorityOutcome.Changed, priority == -100 ? null : 3);
        var answer = await (await PostAsync(service, "task-1", """{"priority":7}""")).JsonAsync();
        Assert.Equal("""{"taskId":"task-1","priority":7,"queuePosition":3}""", answer.GetRawText());
        Assert.Equal("""{"taskId":"task-1","priority":-100,"queuePosition":null}""", (await (await PostAsync(service, "task-1", """{"priority":-100,"other":1}""")).JsonAsync()).GetRawText());

        await (await PostAsync(service, "unknown", """{"priority":7}""")).ProblemAsync(404, "Task not found");
        await (await PostAsync(service, "..%2Fx", """{"priority":7}""")).ProblemAsync(404, "Task not found");
        service.Grains.Task("ended").Reprioritize = _ => new(PriorityOutcome.AlreadyCompleted);
        await (await PostAsync(service, "ended", """{"priority":7}""")).ProblemAsync(409, "Task already completed");
    }

    [Theory]
    [InlineData("""{"priority":101}""", "Invalid field: priority must be a whole number from -100 to 100")]
    [InlineData("""{"priority":"1"}""", "Invalid field: priority must be a whole number from -100 to 100")]
    [InlineData("""{"priority":1.5}""", "Invalid field: priority must be a whole number from -100 to 100")]
    [InlineData("""{"priority":null}""", "Invalid field: priority is required")]
    [InlineData("{}", "Invalid field: priority is required")]
    [InlineData("", "Body is empty; it must be a JSON object")]
    [InlineData("[1]", "Body must be a JSON object")]
    public async Task A_priority_that_breaks_its_rule_is_400_with_the_rule(string body, string error)
    {
        await using var service = await ServiceUnderTest.StartAsync();
        service.Grains.Task("task-1").Reprioritize = _ => new(PriorityOutcome.Changed, 1);
        await (await PostAsync(service, "task-1", body)).ProblemAsync(400, error);
        await (await PostAsync(service, "task-1", body, "text/plain")).ProblemAsync(415);
    }

    [Fact]
    public async Task A_paused_service_is_ready_with_nothing_available()
    {
        await using var service = await ServiceUnderTest.StartAsync();
        service.Grains.Capacity = new(4, 1, 5, 0, 9) { Aside = 2 };
        Assert.Equal("""{"status":"paused","runningTasks":1,"queuedTasks":7}""", await AdminAsync(service, "pause"));
        var health = await HealthAsync(service);
        Assert.Equal(("ready", false), (health.GetProperty("status").GetString(), health.GetProperty("admissionFrozen").GetBoolean()));
        Assert.Equal((0, 7), (health.GetProperty("available").GetInt32(), health.GetProperty("queued").GetInt32()));
        Assert.Equal("paused: no agent is started until POST /admin/resume", CheckOf(health, "starts"));

        Assert.Equal("""{"status":"resumed","runningTasks":1,"queuedTasks":7}""", await AdminAsync(service, "resume"));
        health = await HealthAsync(service);
        Assert.Equal(3, health.GetProperty("available").GetInt32());
        Assert.Null(CheckOf(health, "starts"));
    }

    [Fact]
    public async Task A_draining_service_is_degraded_and_frozen_until_it_resumes()
    {
        await using var service = await ServiceUnderTest.StartAsync();
        Assert.Equal("""{"status":"draining","runningTasks":1,"queuedTasks":0}""", await AdminAsync(service, "drain"));
        var health = await HealthAsync(service);
        Assert.Equal(("degraded", true), (health.GetProperty("status").GetString(), health.GetProperty("admissionFrozen").GetBoolean()));
        Assert.StartsWith("draining:", CheckOf(health, "starts"), StringComparison.Ordinal);
        await AdminAsync(service, "resume");
        health = await HealthAsync(service);
        Assert.Equal(("ready", false), (health.GetProperty("status").GetString(), health.GetProperty("admissionFrozen").GetBoolean()));
    }

    [Fact]
    public async Task Memory_below_its_floor_is_said()
    {
        var memory = new FixedMemory { AvailableBytes = 301L << 20 };
        await using var service = await ServiceUnderTest.StartAsync(overrides: services => services.AddSingleton<IMachineMemory>(memory), args: ["--MEMORY_FLOOR_MB", "512"]);
        service.Grains.Capacity = new(2, 0, 1, 0, 9) { GivesNone = "memory: 301 MB free, floor 512 MB" };
        var health = await HealthAsync(service);
        Assert.Equal(("ready", 0), (health.GetProperty("status").GetString(), health.GetProperty("available").GetInt32()));
        Assert.Equal("301 MB free, floor 512 MB", CheckOf(health, "memory"));
        memory.AvailableBytes = null;
        Assert.Null(CheckOf(await HealthAsync(service), "memory"));
    }

    [Fact]
    public async Task What_a_task_waits_for_and_its_new_priority_are_shown()
    {
        await using var service = await ServiceUnderTest.StartAsync();
        service.Grains.Task("task-1").Snapshot = TaskRouteTests.Snapshot() with { Status = AgentTaskStatus.Queued, Phase = AgentTaskPhase.Blocked, WaitingFor = "dependencies a, b", NewPriority = 4 };
        var task = await (await service.SendAsync(HttpMethod.Get, "/tasks/task-1")).JsonAsync();
        Assert.Equal(("dependencies a, b", 4), (task.GetProperty("waitingFor").GetString(), task.GetProperty("priority").GetInt32()));
    }

    [Fact]
    public async Task A_task_that_is_not_known_cannot_be_depended_on_and_a_repeated_request_may_name_one_that_was()
    {
        await using var service = await ServiceUnderTest.StartAsync();
        var body = ServiceUnderTest.ValidBody()[..^1] + ""","dependsOn":["first"]}""";
        var problem = await (await service.PostSignedAsync("/tasks", body)).ProblemAsync(400);
        Assert.Equal("has tasks that are not known here: first", problem.GetProperty("errors").GetProperty("dependsOn")[0].GetString());

        await service.Get<IAgentTaskCatalog>().AddAsync(Row("first"), default);
        Assert.Equal(202, (int)(await service.PostSignedAsync("/tasks", body)).StatusCode);
        var taken = Assert.Single(service.Grains.Task("task-1").Submissions);
        service.Grains.Task("task-1").Snapshot = TaskRouteTests.Snapshot() with { RequestJson = taken.RequestJson };
        await service.Get<IAgentTaskCatalog>().RemoveAsync("first", default);
        Assert.Equal(202, (int)(await service.PostSignedAsync("/tasks", body)).StatusCode);
        await (await service.PostSignedAsync("/tasks", body.Replace("Say hi", "Say ho", StringComparison.Ordinal))).ProblemAsync(400);
    }

    [Fact]
    public async Task Dependencies_are_kept_beside_the_catalog()
    {
        await using var service = await ServiceUnderTest.StartAsync();
        var (catalog, dependencies) = (service.Get<IAgentTaskCatalog>(), service.Get<ITaskDependencies>());
        await catalog.AddAsync(Row("first") with { Status = AgentTaskStatus.Failed, Phase = AgentTaskPhase.Ended, ErrorCode = "AGENT_FAILED" }, default);
        await catalog.AddAsync(Row("then") with { Phase = AgentTaskPhase.Blocked }, default);
        await catalog.AddAsync(Row("not-blocked"), default);
        await dependencies.AddAsync("then", ["first", "other"], default);
        await dependencies.AddAsync("then", ["first"], default);
        await dependencies.AddAsync("not-blocked", ["first"], default);
        Assert.Equal(["then"], dependencies.FindBlockedBy("first"));
        var seen = dependencies.Look(["first", "unknown", "it's \"quoted\""]);
        Assert.Equal(new DependencyStanding(AgentTaskStatus.Failed, "AGENT_FAILED"), Assert.Single(seen).Value);
        await dependencies.RemoveAsync("then", default);
        Assert.Empty(dependencies.FindBlockedBy("first"));
    }

    private static Task<HttpResponseMessage> PostAsync(ServiceUnderTest service, string taskId, string body, string contentType = "application/json") =>
        service.SendAsync(HttpMethod.Post, $"/tasks/{taskId}/priority", request => request.Content = new StringContent(body, Encoding.UTF8, contentType));

    private static async Task<string> AdminAsync(ServiceUnderTest service, string what) => (await (await service.SendAsync(HttpMethod.Post, $"/admin/{what}")).JsonAsync()).GetRawText();

    private static async Task<System.Text.Json.JsonElement> HealthAsync(ServiceUnderTest service) => await (await service.SendAsync(HttpMethod.Get, "/health")).JsonAsync();

    private static string? CheckOf(System.Text.Json.JsonElement health, string name)
    {
        var check = health.GetProperty("checks").EnumerateArray().SingleOrDefault(check => check.GetProperty("name").GetString() == name);
        return check.ValueKind == System.Text.Json.JsonValueKind.Undefined ? null : check.GetProperty("detail").GetString();
    }

    private static CatalogEntry Row(string taskId) => new()
    {
        TaskId = taskId,
        Phase = AgentTaskPhase.Waiting,
        Status = AgentTaskStatus.Queued,
        Run = 1,
        Attempt = 1,
        WorkerType = "script",
        Repository = "acme/web",
        Priority = 0,
        CreatedAt = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero),
    };

    private sealed class FixedMemory : IMachineMemory
    {
        public long? AvailableBytes { get; set; }
    }
}
