using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Orchestrator.Interfaces.Machines;

namespace Orchestrator.Silo.Tests.Agents.Golden;

/// <summary>The form in which <c>expected.json</c> has a report.</summary>
internal static class GoldenReport
{
    private static readonly JsonSerializerOptions Readable = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>What is rarely there stands there only when it is.</summary>
    public static JsonObject ToJson(AgentReport report)
    {
        var json = Usual(report);
        if (report.Usage.CostUnknown) ((JsonObject)json["usage"]!)["costUnknown"] = true;
        if (report.LimitResetsAt is { } resetsAt) json["limitResetsAt"] = resetsAt.UtcDateTime.ToString("O");
        return json;
    }

    private static JsonObject Usual(AgentReport report) => new()
    {
        ["hasOutput"] = report.HasOutput,
        ["hasResult"] = report.HasResult,
        ["isError"] = report.IsError,
        ["errorKind"] = report.ErrorKind.ToString(),
        ["errorMessage"] = report.ErrorMessage,
        ["summary"] = report.Summary,
        ["agentSessionId"] = report.AgentSessionId,
        ["permissionDenials"] = report.PermissionDenials,
        ["usage"] = new JsonObject
        {
            ["inputTokens"] = report.Usage.InputTokens,
            ["outputTokens"] = report.Usage.OutputTokens,
            ["cacheReadTokens"] = report.Usage.CacheReadTokens,
            ["cacheWriteTokens"] = report.Usage.CacheWriteTokens,
            ["costUsd"] = report.Usage.CostUsd is { } cost ? Math.Round(cost, 8) : null,
            ["turns"] = report.Usage.Turns,
        },
        ["reported"] = report.ReportedJson is { } reported ? JsonNode.Parse(reported) : null,
    };

    public static string ToText(AgentReport report) => ToJson(report).ToJsonString(Readable) + "\n";

    /// <summary>The same text for every way to write the same JSON.</summary>
    public static string Normalize(string json) => JsonNode.Parse(json)!.ToJsonString(Readable) + "\n";
}
