using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Orchestrator.Silo.Tests.Agents;
using Orchestrator.Testing;
using Orchestrator.Testing.ModelApi;
using Orchestrator.Testing.Service;
using Xunit.Abstractions;

namespace Orchestrator.Silo.Tests.Service;

/// <summary>The real Claude Code, when its model falls silent or its account's limit is reached.</summary>
public sealed class ClaudeCodeLifeTests(ITestOutputHelper output) : IAsyncLifetime
{
    private FakeModelApi _api = null!;
    private ServiceBed _bed = null!;

    public async Task InitializeAsync()
    {
        if (ClaudeCode.WhyMissing is not null) return;
        _api = await FakeModelApi.StartAsync();
        _bed = await ServiceBed.StartAsync(
            BuiltService.Program,
            settings: new Dictionary<string, string>
            {
                ["CLAUDE_COMMAND"] = ClaudeCode.ProgramPath,
                ["AGENT_ENV"] = "ANTHROPIC_API_KEY,ANTHROPIC_BASE_URL,CLAUDE_CODE_MAX_RETRIES",
                ["ANTHROPIC_API_KEY"] = _api.ApiKey,
                ["ANTHROPIC_BASE_URL"] = _api.BaseUrl,
                ["CLAUDE_CODE_MAX_RETRIES"] = "1",
                ["IS_SANDBOX"] = "1",
                ["INACTIVITY_MINUTES"] = "0.15",
            });
    }

    public async Task DisposeAsync()
    {
        if (_bed is not null) await _bed.DisposeAsync();
        if (_api is not null) await _api.DisposeAsync();
    }

    [ClaudeCodeFact]
    public async Task An_agent_whose_stream_died_is_stopped_and_goes_on_with_the_same_conversation()
    {
        _api.Play(new ModelStep { Text = "I think about it.", Fate = ModelStreamFate.Hangs }, ModelStep.Say("Now it is done."));
        await _bed.SubmitAsync("claude-stalled", "Please say hello", ("workerType", "auto"));
        await _bed.Service.WaitForTaskAsync("claude-stalled", _ => _api.Requests.Count > 0, "asks its model");
        await MeasureIdleAsync(AgentPid("claude-stalled"));
        var task = await _bed.Service.WaitForEndAsync("claude-stalled");
        Assert.True(task.GetProperty("status").GetString() == "completed", task.ToString());
        var attempts = task.GetProperty("attempts").EnumerateArray().ToList();
        Assert.Equal(["stalled", "succeeded"], attempts.Select(attempt => attempt.GetProperty("outcome").GetString()));
        Assert.Single(_api.Requests.Select(request => request.SessionId).Distinct(StringComparer.Ordinal));
        Assert.Equal("Now it is done.", task.GetProperty("result").GetProperty("summary").GetString());
        var asked = _api.Requests[^1].Messages.ToJsonString();
        Assert.Contains("Please say hello", asked);
        Assert.Contains("no sign of life", asked);
        Assert.Empty(_api.Violations);
        Assert.Single(_bed.Receiver.Received);
    }

    [ClaudeCodeFact]
    public async Task An_account_whose_limit_is_reached_is_held_until_the_time_that_the_agent_says()
    {
        _api.Play(ModelStep.AlwaysFail(429, "rate_limit_error", "You've hit your limit · resets in 3 hours"));
        await _bed.SubmitAsync("claude-limit", "Please say hello", ("workerType", "sonnet"), ("budget", new JsonObject { ["maxCostUsd"] = 5 }));
        var task = await _bed.Service.WaitForTaskAsync("claude-limit", task => task.GetProperty("phase").GetString() == "held", "is held");
        Assert.InRange((task.GetProperty("heldUntil").GetDateTimeOffset() - TimeProvider.System.GetUtcNow()).TotalMinutes, 175, 182);
        Assert.Equal("usage_limit", task.GetProperty("attempts")[0].GetProperty("outcome").GetString());
        await Eventually.IsTrueAsync(
            async () => (await _bed.Service.GetHealthAsync()).GetProperty("heldAccounts").EnumerateArray().Any(held => held.GetProperty("account").GetString() == "claude"), "the account is held");
        await _bed.Service.DeleteTaskAsync("claude-limit");
        Assert.Equal("cancelled", (await _bed.Receiver.WaitAsync("claude-limit")).TaskStatus);
    }

    /// <summary>Says what an agent that waits for its model uses: what counts as work has to lie above it.</summary>
    private async Task MeasureIdleAsync(int pid)
    {
        var (before, since) = (ProcessorSeconds(pid), TimeProvider.System.GetTimestamp());
        await Task.Delay(TimeSpan.FromSeconds(4), TimeProvider.System);
        var share = (ProcessorSeconds(pid) - before) / TimeProvider.System.GetElapsedTime(since).TotalSeconds;
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"An agent that waits for its model uses {share:P2} of a processor."));
    }

    private static double ProcessorSeconds(int pid)
    {
        var fields = File.ReadAllText($"/proc/{pid}/stat").Split(") ")[^1].Split(' ');
        return (int.Parse(fields[11], CultureInfo.InvariantCulture) + int.Parse(fields[12], CultureInfo.InvariantCulture)) / 100.0;
    }

    private int AgentPid(string taskId)
    {
        using var started = JsonDocument.Parse(File.ReadAllText(Path.Combine(_bed.Place.Session(taskId), "started.json")));
        return started.RootElement.GetProperty("agentPid").GetInt32();
    }
}
