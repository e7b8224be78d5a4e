using System.Text.Json;
using Orchestrator.Interfaces.AgentTasks;

namespace Orchestrator.Silo.Agents.Output;

/// <summary>
/// Adds up what one process of Claude Code used. Each <c>result</c> counts its own turn, but <c>total_cost_usd</c> goes on over results and, in newer versions, over
/// resumes; there <c>model_usage_since_last_result</c> is the one that can be added up. Replies after the last result (it was killed) count as far as they say.
/// </summary>
internal sealed class StreamJsonUsage
{
    private AgentUsage _results = AgentUsage.None;
    private double? _summedCost;
    private double? _totalCost;
    private AgentUsage _replies = AgentUsage.None;
    private string? _lastReplyId;

    /// <summary>All of it.</summary>
    public AgentUsage Total => _results.Plus(_replies) with { CostUsd = _summedCost ?? _totalCost };

    /// <summary>The end of a turn.</summary>
    public void AddResult(JsonElement result)
    {
        var usage = result.Member("usage") ?? default;
        _results = _results.Plus(Tokens(usage, (int)Math.Min(result.Count("num_turns") ?? 0, int.MaxValue / 2)));
        _totalCost = result.Amount("total_cost_usd") ?? _totalCost;
        if (result.Member("model_usage_since_last_result") is { ValueKind: JsonValueKind.Object } models)
            _summedCost = (_summedCost ?? 0) + models.EnumerateObject().Sum(model => model.Value.Amount("costUSD") ?? 0);
        (_replies, _lastReplyId) = (AgentUsage.None, null);
    }

    /// <summary>A reply of the model, or one block of it: those of one reply share its id.</summary>
    public void AddReply(JsonElement message)
    {
        if (message.Text("id") is not { } id || id == _lastReplyId) return;
        _lastReplyId = id;
        _replies = _replies.Plus(Tokens(message.Member("usage") ?? default, turns: 1));
    }

    private static AgentUsage Tokens(JsonElement usage, int turns) => new(
        Read(usage, "input_tokens"), Read(usage, "output_tokens"), Read(usage, "cache_read_input_tokens"), Read(usage, "cache_creation_input_tokens"), null, turns);

    /// <summary>Bounded, so that sums of what an agent claims cannot overflow.</summary>
    private static long Read(JsonElement usage, string name) => Math.Min(usage.Count(name) ?? 0, long.MaxValue / 1_000_000_000);
}
