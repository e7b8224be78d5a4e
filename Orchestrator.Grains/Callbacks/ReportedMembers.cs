using System.Text.Json;
using Orchestrator.Contracts.Callbacks;

namespace Orchestrator.Grains.Callbacks;

/// <summary>
/// The members of a result that an agent may report, their types, and which of them an agent type must report: the dispatcher refuses a wrong type (so the callback would never
/// arrive) and stores a completed task that lacks a member as failed. What an agent writes is not trusted: everything else is dropped.
/// </summary>
public static class ReportedMembers
{
    /// <summary>Longest string that is kept, UTF-16 units; longer text is cut, longer URLs, labels and digits are dropped.</summary>
    public const int StringLengthMax = 64 * 1024;

    private const int MembersMax = 64;
    private const int TotalLengthMax = 256 * 1024;

    /// <summary>The allowed and rightly typed members of what an agent reported, as the text of a JSON object in the order of the report; null when there are none.</summary>
    /// <param name="reported">Whatever the agent wrote; anything but an object has no members.</param>
    public static string? Filter(JsonElement reported)
    {
        if (reported.ValueKind != JsonValueKind.Object) return null;
        var last = new OrderedDictionary<string, JsonElement>(StringComparer.Ordinal);
        foreach (var member in reported.EnumerateObject())
        {
            if (ReportedTypes.Find(member) is { } name) last[name] = member.Value;
        }

        var kept = new JavaScriptObject();
        var left = TotalLengthMax;
        foreach (var (name, value) in last.Take(MembersMax))
        {
            var length = value.GetRawText().Length;
            if (length > left || !ReportedTypes.TryAdd(kept, name, value)) continue;
            left -= Math.Min(length, left);
        }

        return kept.IsEmpty ? null : kept.ToString();
    }

    /// <summary>What the result of a completed task lacks, in the contract's words (alternatives joined by "or"); empty when nothing is missing.</summary>
    /// <param name="agentType">The request's; null, <c>ask_agent</c> and unknown ones need nothing.</param>
    /// <param name="reportedJson">The answer of <see cref="Filter"/>; null: the agent reported nothing.</param>
    public static IReadOnlyList<string> Missing(string? agentType, string? reportedJson)
    {
        var has = Read(reportedJson);
        string?[] missing = agentType switch
        {
            "execution" =>
            [
                Need(has, "prUrl"),
                Is(has, "execution_outcome_label", "already_completed") ? null
                    : Need(has, "execution_linear_issue_url", """execution_linear_issue_url or execution_outcome_label:"already_completed" """),
            ],
            "pull_request" => [Need(has, "prUrl"), Need(has, "comment_replied")],
            "planning" when Is(has, "planning_outcome_label", "unclear") => [Need(has, "planning_unclear_clarification")],
            "planning" =>
            [
                Need(has, "planning_outcome_label"),
                Is(has, "planning_outcome_label", "planned") && !has.ContainsKey("prUrl") ? Need(has, "planning_pr_url", "planning_pr_url or prUrl") : null,
            ],
            "review" =>
            [
                Need(has, "review_types"),
                has.ContainsKey("review_id") ? null : Need(has, "review_comments_posted", "review_comments_posted or review_id"),
                Need(has, "needs_remediation"),
            ],
            "remediation" => [Is(has, "execution_outcome_label", "implemented") ? Need(has, "prUrl") : null],
            "sentry" =>
            [
                Need(has, "prUrl"), Need(has, "sentry_outcome"), Need(has, "sentry_issue_url"), Need(has, "sentry_linear_issue"), Need(has, "sentry_verification"),
            ],
            _ => [],
        };
        return [.. missing.OfType<string>()];
    }

    /// <summary>Whether a planning agent reported that it could not plan: the task failed, with <c>PLANNING_AGENT_UNCLEAR</c>.</summary>
    /// <param name="agentType">The request's.</param>
    /// <param name="reportedJson">The answer of <see cref="Filter"/>.</param>
    public static bool IsPlanUnclear(string? agentType, string? reportedJson) =>
        agentType == "planning" && Is(Read(reportedJson), "planning_outcome_label", "unclear");

    private static string? Need(Dictionary<string, JsonElement> has, string name, string? words = null) => has.ContainsKey(name) ? null : (words ?? name).TrimEnd();

    private static bool Is(Dictionary<string, JsonElement> has, string name, string value) =>
        has.TryGetValue(name, out var found) && found.ValueKind == JsonValueKind.String && found.ValueEquals(value);

    private static Dictionary<string, JsonElement> Read(string? reportedJson)
    {
        var members = new Dictionary<string, JsonElement>(StringComparer.Ordinal);
        if (reportedJson is null) return members;
        using var document = JsonDocument.Parse(reportedJson);
        foreach (var member in document.RootElement.EnumerateObject()) members[member.Name] = member.Value.Clone();
        return members;
    }
}
