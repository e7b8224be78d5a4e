using System.Text;
using Orchestrator.Grains.AgentTasks;
using Orchestrator.Interfaces.AgentTasks;
using Orchestrator.Interfaces.Callbacks;
using Orleans.Runtime;

namespace Orchestrator.Silo.Tests.Http;

/// <summary>Contract §2: tasks.</summary>
public sealed class TaskRouteTests
{
    private static readonly DateTimeOffset At = new(2026, 1, 1, 0, 0, 1, 234, 567, TimeSpan.Zero);

    [Fact]
    public async Task Answers_of_the_task_become_status_codes()
    {
        await using var service = await ServiceUnderTest.StartAsync();
        service.Grains.Task("conflict").Submit = _ => new(SubmitOutcome.Conflict, Detail: "other prompt");
        Assert.Equal("other prompt", (await (await service.PostSignedAsync("/tasks", ServiceUnderTest.ValidBody("conflict"))).ProblemAsync(409)).GetProperty("detail").GetString());

        service.Grains.Task("full").Submit = _ => new(SubmitOutcome.Refused, new("Service at capacity", "1000 tasks wait already.", 17));
        var full = await service.PostSignedAsync("/tasks", ServiceUnderTest.ValidBody("full"));
        await full.ProblemAsync(503, "Service at capacity");
        Assert.Equal(17, full.Headers.RetryAfter!.Delta!.Value.TotalSeconds);

        service.Grains.Task("disk").Submit = _ => new(SubmitOutcome.Refused, new("Database not writable", "Nothing was stored.", 30));
        var disk = await service.PostSignedAsync("/tasks", ServiceUnderTest.ValidBody("disk"));
        await disk.ProblemAsync(503, "Database not writable");
        Assert.NotNull(disk.Headers.RetryAfter);

        service.Grains.Task("unknown").Submit = _ => throw new OrleansException("the disk says no, after it may have written");
        await (await service.PostSignedAsync("/tasks", ServiceUnderTest.ValidBody("unknown"))).ProblemAsync(500, "Whether the task was taken is not known");

        service.Grains.Task("stopping").Submit = _ => throw new SiloUnavailableException();
        await (await service.PostSignedAsync("/tasks", ServiceUnderTest.ValidBody("stopping"))).ProblemAsync(503, "Service is shutting down");

        service.Grains.Task("bug").Submit = _ => throw new InvalidOperationException("secret inside");
        var bug = await service.PostSignedAsync("/tasks", ServiceUnderTest.ValidBody("bug"));
        Assert.DoesNotContain("secret inside", (await bug.ProblemAsync(500, "Internal error")).GetRawText(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_bad_body_is_400_with_all_fields_and_starts_nothing()
    {
        await using var service = await ServiceUnderTest.StartAsync();
        var problem = await (await service.PostSignedAsync("/tasks", """{"taskId":"x","workerType":"nope"}""")).ProblemAsync(400);
        Assert.Equal(["prompt", "repository", "webhookSecret", "webhookUrl", "workerType"], problem.GetProperty("errors").EnumerateObject().Select(field => field.Name));
        await (await service.PostSignedAsync("/tasks", "{")).ProblemAsync(400);
        Assert.Empty(service.Grains.Tasks);
    }

    [Theory]
    [InlineData("text/plain")]
    [InlineData("application/xml")]
    public async Task Another_content_type_is_415(string contentType)
    {
        await using var service = await ServiceUnderTest.StartAsync();
        await (await service.PostSignedAsync("/tasks", ServiceUnderTest.ValidBody(), contentType: contentType)).ProblemAsync(415);
        Assert.Equal(202, (int)(await service.PostSignedAsync("/tasks", ServiceUnderTest.ValidBody(), contentType: "application/json; charset=utf-8")).StatusCode);
    }

    [Theory]
    [InlineData("gzip", 415)]
    [InlineData("br", 415)]
    [InlineData("identity, gzip", 415)]
    [InlineData("identity", 202)]
    public async Task A_body_in_another_encoding_is_415(string encoding, int status)
    {
        await using var service = await ServiceUnderTest.StartAsync();
        var response = await service.SendAsync(HttpMethod.Post, "/tasks", request =>
        {
            request.Content = new StringContent(ServiceUnderTest.ValidBody(), Encoding.UTF8, "application/json");
            request.Content.Headers.TryAddWithoutValidation("Content-Encoding", encoding);
            service.Sign(request, ServiceUnderTest.ValidBody());
        });
        if (status == 415) await response.ProblemAsync(415, "Content-Encoding must be identity");
        else Assert.Equal(status, (int)response.StatusCode);
    }

    [Theory]
    [InlineData("http://10.0.0.1/x")]
    [InlineData("http://127.0.0.1:9000/x")]
    [InlineData("http://[fd00::1]/x")]
    public async Task A_private_address_for_callbacks_is_400(string url)
    {
        await using var service = await ServiceUnderTest.StartAsync();
        var body = ServiceUnderTest.ValidBody().Replace("https://example.com/api/internal/webhooks/task-complete", url, StringComparison.Ordinal);
        var problem = await (await service.PostSignedAsync("/tasks", body)).ProblemAsync(400);
        Assert.Equal(["webhookUrl"], problem.GetProperty("errors").EnumerateObject().Select(field => field.Name));
        Assert.DoesNotContain(service.Grains.Tasks.Values, task => !task.Submissions.IsEmpty);
    }

    [Fact]
    public async Task A_trace_id_goes_along_with_the_task()
    {
        await using var service = await ServiceUnderTest.StartAsync();
        var response = await service.SendAsync(HttpMethod.Post, "/tasks", request =>
        {
            request.Content = new StringContent(ServiceUnderTest.ValidBody(), Encoding.UTF8, "application/json");
            request.Headers.Add("X-Trace-Id", "trace-7");
            service.Sign(request, ServiceUnderTest.ValidBody());
        });
        Assert.Equal(202, (int)response.StatusCode);
        Assert.Equal("trace-7", Assert.Single(service.Grains.Task("task-1").Submissions).TraceId);
    }

    [Theory]
    [InlineData("workerType", "\"gone\"")]
    [InlineData("webhookUrl", "\"http://10.0.0.1/x\"")]
    [InlineData("repository", "null")]
    [InlineData("environment", "{\"FOO\":\"1\"}")]
    public async Task The_same_request_again_is_accepted_after_the_configuration_has_changed(string field, string value)
    {
        await using var service = await ServiceUnderTest.StartAsync();
        var body = Change(field, value);
        await (await service.PostSignedAsync("/tasks", body)).ProblemAsync(400);

        service.Grains.Task("task-1").Snapshot = Snapshot() with { RequestJson = body };
        var again = await service.PostSignedAsync("/tasks", body.Replace("\"prompt\"", "\"traceId\":\"t\",\"prompt\"", StringComparison.Ordinal));
        Assert.Equal(202, (int)again.StatusCode);
        Assert.Equal("""{"taskId":"task-1","status":"accepted"}""", await again.Content.ReadAsStringAsync());

        // Another request, or one that was never right, is what it was.
        await (await service.PostSignedAsync("/tasks", body.Replace("Say hi", "Say ho", StringComparison.Ordinal))).ProblemAsync(400);
        await (await service.PostSignedAsync("/tasks", body.Replace("\"Say hi\"", "5", StringComparison.Ordinal))).ProblemAsync(400);
        Assert.Empty(service.Grains.Task("task-1").Submissions);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task More_than_2_MiB_are_413(bool isChunked)
    {
        await using var service = await ServiceUnderTest.StartAsync();
        var body = new string(' ', 2 * 1024 * 1024 + 1);
        var response = await service.SendAsync(HttpMethod.Post, "/tasks", request =>
        {
            request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(body));
            request.Headers.TransferEncodingChunked = isChunked;
            service.Sign(request, body);
        });
        await response.ProblemAsync(413);
        await (await service.PostSignedAsync("/tasks", body[1..])).ProblemAsync(400);
    }

    [Fact]
    public async Task What_is_not_there_is_404_and_other_methods_are_405()
    {
        await using var service = await ServiceUnderTest.StartAsync();
        await (await service.SendAsync(HttpMethod.Get, "/nothing")).ProblemAsync(404);
        var put = await service.SendAsync(HttpMethod.Put, "/tasks");
        await put.ProblemAsync(405);
        Assert.Contains("POST", put.Content.Headers.Allow);
        await (await service.SendAsync(HttpMethod.Get, "/tasks/unknown")).ProblemAsync(404, "Task not found");
        await (await service.SendAsync(HttpMethod.Get, "/tasks/..%2F..%2Fetc")).ProblemAsync(404, "Task not found");
        await (await service.SendAsync(HttpMethod.Delete, "/tasks/unknown")).ProblemAsync(404, "Task not found");
        service.Grains.Task("done").Cancel = CancelResult.AlreadyCompleted;
        await (await service.SendAsync(HttpMethod.Delete, "/tasks/done")).ProblemAsync(409, "Task already completed");
    }

    [Fact]
    public async Task A_cancelled_task_is_answered_as_the_contract_says()
    {
        await using var service = await ServiceUnderTest.StartAsync();
        service.Grains.Task("t").Cancel = CancelResult.Cancelled;
        Assert.Equal("""{"taskId":"t","status":"cancelled"}""", await (await service.SendAsync(HttpMethod.Delete, "/tasks/t")).Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task A_task_comes_back_with_all_that_was_sent_but_no_secret()
    {
        await using var service = await ServiceUnderTest.StartAsync();
        service.Grains.Task("task-1").Snapshot = Snapshot();
        var response = await service.SendAsync(HttpMethod.Get, "/tasks/task-1");
        var text = await response.Content.ReadAsStringAsync();
        Assert.Equal(200, (int)response.StatusCode);
        Assert.DoesNotContain("s3cret", text, StringComparison.Ordinal);
        Assert.DoesNotContain("value-of-foo", text, StringComparison.Ordinal);
        Assert.Equal(
            """
            {"taskId":"task-1","status":"failed","phase":"ended","workerType":"opus","prompt":"Hi","repository":"acme/web","baseBranch":"main","webhookUrl":"https://example.com/x","environment":["BAR","FOO"],"linearIssueLabels":["bug"],"hasChildren":false,"prNumber":5,"sentryIssue":{"a":1},"traceId":"trace-1","branch":"task/task-1","worktreePath":"/w","tmuxSession":"cc-task-task-1","attach":"tmux attach","queuePosition":null,"createdAt":"2026-01-01T00:00:01.234Z","startedAt":"2026-01-01T00:00:01.234Z","completedAt":"2026-01-01T00:00:01.234Z","deadlineAt":"2026-01-01T00:00:01.234Z","result":{"branch":"task/task-1","commits":1,"summary":"Did it","partialWork":true,"commitDetails":[{"sha":"0123","message":"m"}],"costUsd":0.1,"prUrl":"https://github.com/acme/web/pull/1"},"error":{"code":"AGENT_FAILED","message":"It gave up","remediation":{"action":"retry","retryAfter":60}},"diffStat":{"files":1,"insertions":2,"deletions":3},"usage":{"inputTokens":1,"outputTokens":2,"cacheReadTokens":3,"cacheWriteTokens":4,"costUsd":0.1,"turns":5},"attempts":[{"run":1,"number":1,"agent":"claude","agentSessionId":"s","startedAt":"2026-01-01T00:00:01.234Z","endedAt":null,"exitCode":null,"outcome":null,"usage":{"inputTokens":0,"outputTokens":0,"cacheReadTokens":0,"cacheWriteTokens":0,"costUsd":null,"turns":0}}],"callbacks":[{"id":"task-1-r1-completed","kind":"completed","state":"owed","tries":[{"at":"2026-01-01T00:00:01.234Z","status":500,"error":"no"}],"nextTryAt":"2026-01-01T00:00:01.234Z"}],"timeline":[{"at":"2026-01-01T00:00:01.234Z","event":"accepted","detail":null},{"at":"2026-01-01T00:00:01.234Z","event":"ended","detail":"d"}]}
            """,
            text);
    }

    [Fact]
    public async Task Every_member_of_the_contract_is_there_from_the_first_moment()
    {
        await using var service = await ServiceUnderTest.StartAsync();
        service.Grains.Task("task-1").Snapshot = new()
        {
            RequestJson = ServiceUnderTest.ValidBody(),
            Status = AgentTaskStatus.Queued,
            Phase = AgentTaskPhase.Waiting,
            Repository = "acme/web",
            CreatedAt = At,
            Usage = new(0, 0, 0, 0, null, 0),
            Attempts = [new() { Run = 1, Number = 1 }],
            Callbacks = [new("c", "completed", CallbackState.Owed, [new(At, null, null)], null)],
            Timeline = [new(At, "accepted")],
        };
        var task = await (await service.SendAsync(HttpMethod.Get, "/tasks/task-1")).JsonAsync();
        Assert.Equal(
            ["taskId", "status", "phase", "workerType", "prompt", "repository", "baseBranch", "webhookUrl", "environment", "branch", "worktreePath", "tmuxSession", "attach",
                "queuePosition", "createdAt", "startedAt", "completedAt", "deadlineAt", "result", "error", "usage", "attempts", "callbacks", "timeline"],
            Names(task));
        Assert.Equal(0, task.GetProperty("environment").GetArrayLength());
        Assert.Equal(["inputTokens", "outputTokens", "cacheReadTokens", "cacheWriteTokens", "costUsd", "turns"], Names(task.GetProperty("usage")));
        Assert.Equal(["run", "number", "agent", "agentSessionId", "startedAt", "endedAt", "exitCode", "outcome", "usage"], Names(task.GetProperty("attempts")[0]));
        Assert.Equal(["id", "kind", "state", "tries", "nextTryAt"], Names(task.GetProperty("callbacks")[0]));
        Assert.Equal(["at", "status", "error"], Names(task.GetProperty("callbacks")[0].GetProperty("tries")[0]));
        Assert.Equal(["at", "event", "detail"], Names(task.GetProperty("timeline")[0]));
        static IEnumerable<string> Names(System.Text.Json.JsonElement value) => value.EnumerateObject().Select(member => member.Name);
    }

    [Fact]
    public async Task A_list_has_50_tasks_unless_another_limit_is_asked_for()
    {
        await using var service = await ServiceUnderTest.StartAsync();
        var catalog = service.Get<IAgentTaskCatalog>();
        await Task.WhenAll(Enumerable.Range(0, 51).Select(i => catalog.AddAsync(Entry(i), default)));
        var page = await (await service.SendAsync(HttpMethod.Get, "/tasks")).JsonAsync();
        Assert.Equal(50, page.GetProperty("tasks").GetArrayLength());
        Assert.Equal("t50", page.GetProperty("tasks")[0].GetProperty("taskId").GetString());
        Assert.Equal(System.Text.Json.JsonValueKind.String, page.GetProperty("nextCursor").ValueKind);
        Assert.Equal(51, (await (await service.SendAsync(HttpMethod.Get, "/tasks?limit=200")).JsonAsync()).GetProperty("tasks").GetArrayLength());
    }

    [Fact]
    public async Task A_list_shows_pages_and_names_bad_queries()
    {
        await using var service = await ServiceUnderTest.StartAsync();
        var catalog = service.Get<IAgentTaskCatalog>();
        for (var i = 0; i < 3; i++) await catalog.AddAsync(Entry(i), default);

        var first = await (await service.SendAsync(HttpMethod.Get, "/tasks?limit=2&status=queued&repository=acme/web")).JsonAsync();
        Assert.Equal(["t2", "t1"], first.GetProperty("tasks").EnumerateArray().Select(task => task.GetProperty("taskId").GetString()));
        var second = await (await service.SendAsync(HttpMethod.Get, $"/tasks?limit=2&after={first.GetProperty("nextCursor").GetString()}")).JsonAsync();
        Assert.Equal(["t0"], second.GetProperty("tasks").EnumerateArray().Select(task => task.GetProperty("taskId").GetString()));
        Assert.Equal(System.Text.Json.JsonValueKind.Null, second.GetProperty("nextCursor").ValueKind);

        var bad = await (await service.SendAsync(HttpMethod.Get, "/tasks?limit=201&status=done&repository=x&after=!")).ProblemAsync(400);
        Assert.Equal(["after", "limit", "repository", "status"], bad.GetProperty("errors").EnumerateObject().Select(field => field.Name).Order());
        await (await service.SendAsync(HttpMethod.Get, "/tasks?limit=0")).ProblemAsync(400);
    }

    [Fact]
    public async Task The_description_names_every_route()
    {
        await using var service = await ServiceUnderTest.StartAsync();
        var document = await (await service.SendAsync(HttpMethod.Get, "/openapi.json")).JsonAsync();
        Assert.Equal(
            ["/admin/accounts/{account}/release", "/admin/drain", "/admin/leftovers", "/admin/pause", "/admin/refresh-token", "/admin/resume", "/admin/shutdown", "/admin/sweep", "/health", "/tasks", "/tasks/{id}", "/tasks/{id}/priority", "/tasks/{id}/transcript"],
            document.GetProperty("paths").EnumerateObject().Select(path => path.Name).Order());
        var body = document.GetProperty("paths").GetProperty("/tasks").GetProperty("post").GetProperty("requestBody").GetProperty("content");
        Assert.True(body.GetProperty("application/json").GetProperty("schema").GetProperty("properties").TryGetProperty("webhookSecret", out _));
    }

    [Fact]
    public async Task Without_a_GitHub_App_there_is_no_token_to_refresh()
    {
        await using var service = await ServiceUnderTest.StartAsync();
        await (await service.SendAsync(HttpMethod.Post, "/admin/refresh-token")).ProblemAsync(500, "No GitHub App is configured");
    }

    /// <summary>A valid body with one member replaced or added.</summary>
    private static string Change(string field, string json)
    {
        var body = System.Text.Json.Nodes.JsonNode.Parse(ServiceUnderTest.ValidBody())!.AsObject();
        body[field] = System.Text.Json.Nodes.JsonNode.Parse(json);
        return body.ToJsonString();
    }

    private static CatalogEntry Entry(int i) => new()
    {
        TaskId = $"t{i}",
        Status = AgentTaskStatus.Queued,
        Phase = AgentTaskPhase.Waiting,
        Run = 1,
        Attempt = 1,
        WorkerType = "script",
        Repository = "acme/web",
        Priority = 0,
        CreatedAt = At.AddSeconds(i),
    };

    internal static AgentTaskSnapshot Snapshot() => new()
    {
        RequestJson = """
            {"taskId":"task-1","workerType":"opus","prompt":"Hi","webhookUrl":"https://example.com/x","webhookSecret":"s3cret","linearIssueLabels":["bug"],"hasChildren":false,"prNumber":5,"sentryIssue":{"a":1},"environment":{"FOO":"value-of-foo","BAR":""}}
            """,
        Status = AgentTaskStatus.Failed,
        Phase = AgentTaskPhase.Ended,
        Repository = "acme/web",
        Worktree = new("acme/web", "/w", "task/task-1", "main", new string('0', 40)),
        Terminal = new("cc-task-task-1", "tmux attach"),
        CreatedAt = At,
        StartedAt = At,
        CompletedAt = At,
        DeadlineAt = At,
        Result = new()
        {
            Branch = "task/task-1",
            Commits = 1,
            Summary = "Did it",
            PartialWork = true,
            CostUsd = 0.1,
            CommitDetails = [new("0123", "m")],
            Diff = new(1, 2, 3),
            ReportedJson = """{"prUrl":"https://github.com/acme/web/pull/1","commits":99}""",
        },
        Error = new("AGENT_FAILED", "It gave up", new("retry", 60)),
        Usage = new(1, 2, 3, 4, 0.1, 5),
        Attempts = [new() { Run = 1, Number = 1, Agent = "claude", AgentSessionId = "s", StartedAt = At }],
        Callbacks = [new("task-1-r1-completed", "completed", CallbackState.Owed, [new(At, 500, "no")], At)],
        Timeline = [new(At, "accepted"), new(At, "ended", "d")],
        TraceId = "trace-1",
    };
}
