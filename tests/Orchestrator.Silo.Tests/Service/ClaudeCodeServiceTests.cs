using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Orchestrator.Silo.Tests.Agents;
using Orchestrator.Testing;
using Orchestrator.Testing.ModelApi;
using Orchestrator.Testing.Service;

namespace Orchestrator.Silo.Tests.Service;

/// <summary>The real Claude Code, through the whole service: in a worktree, in tmux, against the fake model API.</summary>
public sealed class ClaudeCodeServiceTests : IAsyncLifetime
{
    private const string Commit = "git add --all && git -c user.name=Agent -c user.email=agent@localhost commit -q --allow-empty -m";
    private ClaudeCodeBed? _claude;

    private FakeModelApi Api => _claude!.Api;

    private ServiceBed Bed => _claude!.Service;

    public async Task InitializeAsync() => _claude = await ClaudeCodeBed.TryStartAsync();

    public async Task DisposeAsync()
    {
        if (_claude is not null) await _claude.DisposeAsync();
    }

    [ClaudeCodeFact]
    public async Task The_real_agent_works_and_what_it_used_is_told()
    {
        Api.Play(
            ModelStep.Write("{{cwd}}/hello.txt", "Hello\n") with { Text = "I write the file." },
            ModelStep.Bash($"{Commit} 'Say hello'"),
            ModelStep.Say("Done: hello.txt is there."));
        var task = await RunAsync("claude-1", ("workerType", "sonnet"));
        var callback = Bed.Receiver.Of("claude-1").Single();
        var transcript = await Bed.Service.GetTranscriptAsync("claude-1");
        await File.WriteAllTextAsync(Path.Combine(RepositoryRoot.Path, "artifacts", "claude-transcript.txt"), transcript);

        Assert.True(callback.TaskStatus == "completed", $"{callback.Body}\n{transcript}");
        var result = callback.Json.GetProperty("result");
        Assert.Equal(("task/claude-1", 1, "Done: hello.txt is there."), (result.GetProperty("branch").GetString(), result.GetProperty("commits").GetInt32(), result.GetProperty("summary").GetString()));
        Assert.True(result.GetProperty("costUsd").GetDouble() > 0);
        Assert.Equal("Hello", Bed.Mirror("show", "task/claude-1:hello.txt"));
        var (usage, attempt) = (task.GetProperty("usage"), task.GetProperty("attempts")[0]);
        Assert.Equal((3000, 150, 3), (Number(usage, "inputTokens"), Number(usage, "outputTokens"), Number(usage, "turns")));
        Assert.Equal(result.GetProperty("costUsd").GetDouble(), usage.GetProperty("costUsd").GetDouble());
        Assert.Equal("claude", attempt.GetProperty("agent").GetString());
        Assert.All(Api.Requests, request => Assert.Equal(attempt.GetProperty("agentSessionId").GetString(), request.SessionId));
        Assert.All(Api.Requests, request => Assert.Contains("sonnet", request.Model));
        foreach (var words in (string[])["I write the file.", "Say hello", "Done: hello.txt is there."]) Assert.Contains(words, transcript);
    }

    [ClaudeCodeFact]
    public async Task An_error_of_the_model_api_that_no_retry_helps_fails_the_task()
    {
        Api.Play(ModelStep.AlwaysFail(400, "invalid_request_error", "Your credit balance is too low to access the Anthropic API."));
        await RunAsync("claude-credit");
        var callback = Bed.Receiver.Of("claude-credit").Single();
        Assert.Equal(("failed", "AGENT_FAILED"), (callback.TaskStatus, callback.ErrorCode));
        Assert.Contains("credit", callback.Json.GetProperty("error").GetProperty("message").GetString(), StringComparison.OrdinalIgnoreCase);
    }

    [ClaudeCodeFact]
    public async Task An_overload_that_passes_is_none_of_the_dispatchers_business()
    {
        Api.Play(new ModelStep { Error = new(529, "overloaded_error", "Overloaded") }, ModelStep.Say("Now it works."));
        var task = await RunAsync("claude-overload");
        Assert.Equal("completed", task.GetProperty("status").GetString());
        Assert.Equal("Now it works.", task.GetProperty("result").GetProperty("summary").GetString());
    }

    [ClaudeCodeFact]
    public async Task A_limit_of_turns_is_a_budget_that_is_exhausted()
    {
        Api.Play(ModelStep.Bash("true") with { IsRepeated = true });
        await RunAsync("claude-turns", ("budget", new JsonObject { ["maxTurns"] = 2 }));
        var callback = Bed.Receiver.Of("claude-turns").Single();
        Assert.Equal(("failed", "BUDGET_EXHAUSTED", true), (callback.TaskStatus, callback.ErrorCode, callback.Json.TryGetProperty("result", out _)));
        Assert.Equal(2, Api.Requests.Count);
    }

    [ClaudeCodeFact]
    public async Task An_agent_that_is_killed_in_the_middle_goes_on_with_the_same_conversation()
    {
        Api.Play(ModelStep.Bash(WaitingTool));
        await SubmitAsync("claude-killed");
        var tool = Pid(await Bed.WaitForFileAsync(Bed.Place.At("tool.pid")));
        var agent = AgentPid("claude-killed");
        var session = Api.Requests[0].SessionId;
        Api.PlayFor(session, ModelStep.Bash($"{Commit} 'Go on'"), ModelStep.Say("Now it is done."));
        MachineProcess.Kill(agent);
        var task = await Bed.Service.WaitForEndAsync("claude-killed");

        Assert.Empty(Api.Violations);
        Assert.True(task.GetProperty("status").GetString() == "completed", task.ToString());
        Assert.Equal(["WORKER_INFRA_FAILURE", "succeeded"], task.GetProperty("attempts").EnumerateArray().Select(attempt => attempt.GetProperty("outcome").GetString()));
        Assert.All(task.GetProperty("attempts").EnumerateArray(), attempt => Assert.Equal(session, attempt.GetProperty("agentSessionId").GetString()));
        Assert.Equal("Now it is done.", task.GetProperty("result").GetProperty("summary").GetString());
        Assert.Equal("Go on", Bed.Mirror("log", "-1", "--format=%s", "task/claude-killed"));
        Assert.Contains($"\"--resume\",\"{session}\"", await File.ReadAllTextAsync(Path.Combine(Bed.Place.Session("claude-killed", attempt: 2), "launch.json")));
        Assert.Contains("Please say hello", Api.Requests[^1].Messages.ToJsonString());
        Assert.False(MachineProcess.IsAlive(tool));
        Assert.Single(Bed.Receiver.Received);
    }

    [ClaudeCodeFact]
    public async Task An_agent_that_reports_too_little_is_asked_once_in_the_same_conversation()
    {
        Api.Play(
            ModelStep.Say("Done."),
            ModelStep.Say("I forgot:\n\n```json\n{\"prUrl\":\"https://example.com/pull/1\",\"execution_outcome_label\":\"already_completed\"}\n```"));
        var task = await RunAsync("claude-asked", ("agentType", "execution"));
        Assert.True(task.GetProperty("status").GetString() == "completed", task.ToString());
        Assert.Equal(2, task.GetProperty("attempts").GetArrayLength());
        var result = Bed.Receiver.Of("claude-asked").Single().Json.GetProperty("result");
        Assert.Equal("https://example.com/pull/1", result.GetProperty("prUrl").GetString());
        Assert.Equal("already_completed", result.GetProperty("execution_outcome_label").GetString());
        Assert.Single(Api.Requests.Select(request => request.SessionId).Distinct(StringComparer.Ordinal));
        Assert.Contains("execution_outcome_label", Api.Requests[^1].Messages.ToJsonString());
    }

    [ClaudeCodeFact]
    public async Task A_cancel_in_the_middle_of_a_tool_leaves_no_process()
    {
        Api.Play(ModelStep.Bash(WaitingTool));
        await SubmitAsync("claude-cancel");
        var tool = Pid(await Bed.WaitForFileAsync(Bed.Place.At("tool.pid")));
        var agent = AgentPid("claude-cancel");
        Assert.Equal(200, (int)(await Bed.Service.DeleteTaskAsync("claude-cancel")).Status);
        var callback = await Bed.Receiver.WaitAsync("claude-cancel");
        Assert.Equal("cancelled", callback.TaskStatus);
        Assert.All((int[])[tool, agent], pid => Assert.False(MachineProcess.IsAlive(pid)));
        Assert.Empty(Bed.Place.SessionProcesses());
        await Bed.Service.WaitForEndAsync("claude-cancel");
        Assert.Empty(Bed.Place.SessionHosts());
        Assert.Empty(Api.Violations);
    }

    private string WaitingTool => $"echo $$ > {Bed.Place.At("tool.new")} && mv {Bed.Place.At("tool.new")} {Bed.Place.At("tool.pid")} && exec tail -f /dev/null";

    private Task SubmitAsync(string taskId, params IReadOnlyList<(string Name, JsonNode? Value)> members) =>
        Bed.SubmitAsync(taskId, "Please say hello", [("workerType", "auto"), .. members]);

    private async Task<JsonElement> RunAsync(string taskId, params IReadOnlyList<(string Name, JsonNode? Value)> members)
    {
        await SubmitAsync(taskId, members);
        var task = await Bed.Service.WaitForEndAsync(taskId);
        Assert.Empty(Api.Violations);
        Assert.Empty(Bed.Receiver.Violations);
        return task;
    }

    private int AgentPid(string taskId)
    {
        using var started = JsonDocument.Parse(File.ReadAllText(Path.Combine(Bed.Place.Session(taskId), "started.json")));
        return started.RootElement.GetProperty("agentPid").GetInt32();
    }

    private static int Pid(string text) => int.Parse(text, CultureInfo.InvariantCulture);

    private static int Number(JsonElement json, string name) => json.GetProperty(name).GetInt32();
}
