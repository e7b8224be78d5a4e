using System.Text.Json;
using Orchestrator.Interfaces.AgentTasks;

namespace Orchestrator.Silo.Agents.Output;

/// <summary>
/// Adds up what one process of Claude Code used. <c>total_cost_usd</c> goes on over results and, in newer versions, over resumes; <c>model_usage_since_last_result</c>
/// is what can be added up, and is complete: <c>usage</c> lacks the reply by which a budget was spent. Older versions have <c>usage</c> only, of each result's own turn.
/// Replies after the last result (it was killed) count as far as they say.
/// </summary>
internal sealed class StreamJsonUsage
{
    // Bounds, so that sums of what an agent claims cannot overflow.
    private const long TokensMax = 1_000_000_000_000;
    private const int TurnsMax = 1_000_000;
    private const double CostUsdMax = 1_000_000_000;

    private AgentUsage _results = AgentUsage.None;
    private double? _totalCost;
    private AgentUsage _replies = AgentUsage.None;
    private string? _lastReplyId;

    /// <summary>All of it.</summary>
    public AgentUsage Total => _results.Plus(_replies) with { CostUsd = _results.CostUsd ?? _totalCost };

    /// <summary>Whether there were replies after the last result.</summary>
    public bool HasMore => _lastReplyId is not null;

    /// <summary>The end of a turn.</summary>
    public void AddResult(JsonElement result)
    {
        var turns = AgentUsage.None with { Turns = (int)Math.Min(result.Count("num_turns") ?? 0, TurnsMax) };
        var models = result.Member("model_usage_since_last_result") is { ValueKind: JsonValueKind.Object } since ? since.EnumerateObject().Select(model => OfModel(model.Value)) : null;
        _results = _results.Plus(turns).Plus(models is null ? OfReply(result.Member("usage")) : models.Aggregate(AgentUsage.None with { CostUsd = 0 }, (sum, model) => sum.Plus(model)));
        _results = _results with { Turns = Math.Min(_results.Turns, TurnsMax) };
        _totalCost = Cost(result, "total_cost_usd") ?? _totalCost;
        (_replies, _lastReplyId) = (AgentUsage.None, null);
    }

    /// <summary>A reply of the model, or one block of it: those of one reply share its id.</summary>
    public void AddReply(JsonElement message)
    {
        if (message.Text("id") is not { } id || id == _lastReplyId) return;
        _lastReplyId = id;
        _replies = _replies.Plus(OfReply(message.Member("usage")) with { Turns = 1 });
    }

    private static AgentUsage OfModel(JsonElement model) => new(
        Tokens(model, "inputTokens"), Tokens(model, "outputTokens"), Tokens(model, "cacheReadInputTokens"), Tokens(model, "cacheCreationInputTokens"), Cost(model, "costUSD"), 0);

    private static AgentUsage OfReply(JsonElement? usage) => usage is not { } given ? AgentUsage.None : new(
        Tokens(given, "input_tokens"), Tokens(given, "output_tokens"), Tokens(given, "cache_read_input_tokens"), Tokens(given, "cache_creation_input_tokens"), null, 0);

    private static double? Cost(JsonElement usage, string name) => usage.Amount(name) is { } cost ? Math.Min(cost, CostUsdMax) : null;

    private static long Tokens(JsonElement usage, string name) => Math.Min(usage.Count(name) ?? 0, TokensMax);
}
