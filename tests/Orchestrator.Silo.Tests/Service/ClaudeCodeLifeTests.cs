using System.Text.Json.Nodes;
using Orchestrator.Silo.Tests.Agents;
using Orchestrator.Testing.ModelApi;
using Orchestrator.Testing.Service;

namespace Orchestrator.Silo.Tests.Service;

/// <summary>The real Claude Code, when its model falls silent or its account's limit is reached.</summary>
public sealed class ClaudeCodeLifeTests : IAsyncLifetime
{
    private ClaudeCodeBed? _claude;

    private FakeModelApi Api => _claude!.Api;

    private ServiceBed Bed => _claude!.Service;

    public async Task InitializeAsync() => _claude = await ClaudeCodeBed.TryStartAsync(("INACTIVITY_MINUTES", "0.15"));

    public async Task DisposeAsync()
    {
        if (_claude is not null) await _claude.DisposeAsync();
    }

    [ClaudeCodeFact]
    public async Task An_agent_whose_stream_died_is_stopped_and_goes_on_with_the_same_conversation()
    {
        Api.Play(new ModelStep { Text = "I think about it.", Fate = ModelStreamFate.Hangs }, ModelStep.Say("Now it is done."));
        await Bed.SubmitAsync("claude-stalled", "Please say hello", ("workerType", "auto"));
        await Bed.Service.WaitForTaskAsync("claude-stalled", _ => Api.Requests.Count > 0, "asks its model");
        var task = await Bed.Service.WaitForEndAsync("claude-stalled");
        Assert.True(task.GetProperty("status").GetString() == "completed", task.ToString());
        var attempts = task.GetProperty("attempts").EnumerateArray().ToList();
        Assert.Equal(["stalled", "succeeded"], attempts.Select(attempt => attempt.GetProperty("outcome").GetString()));
        Assert.Single(Api.Requests.Select(request => request.SessionId).Distinct(StringComparer.Ordinal));
        Assert.Equal("Now it is done.", task.GetProperty("result").GetProperty("summary").GetString());
        var asked = Api.Requests[^1].Messages.ToJsonString();
        Assert.Contains("Please say hello", asked);
        Assert.Contains("no sign of life", asked);
        Assert.Empty(Api.Violations);
        Assert.Single(Bed.Receiver.Received);
    }

    [ClaudeCodeFact]
    public async Task An_account_whose_limit_is_reached_is_held_until_the_time_that_the_agent_says()
    {
        Api.Play(ModelStep.AlwaysFail(429, "rate_limit_error", "You've hit your limit · resets in 3 hours"));
        await Bed.SubmitAsync("claude-limit", "Please say hello", ("workerType", "sonnet"), ("budget", new JsonObject { ["maxCostUsd"] = 5 }));
        var task = await Bed.Service.WaitForTaskAsync("claude-limit", task => task.GetProperty("phase").GetString() == "held", "is held");
        Assert.InRange((task.GetProperty("heldUntil").GetDateTimeOffset() - TimeProvider.System.GetUtcNow()).TotalMinutes, 175, 182);
        Assert.Equal("usage_limit", task.GetProperty("attempts")[0].GetProperty("outcome").GetString());
        await Eventually.IsTrueAsync(
            async () => (await Bed.Service.GetHealthAsync()).GetProperty("heldAccounts").EnumerateArray().Any(held => held.GetProperty("account").GetString() == "claude"), "the account is held");
        await Bed.Service.DeleteTaskAsync("claude-limit");
        Assert.Equal("cancelled", (await Bed.Receiver.WaitAsync("claude-limit")).TaskStatus);
    }
}
