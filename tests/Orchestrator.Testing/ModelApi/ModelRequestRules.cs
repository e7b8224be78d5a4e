using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;

namespace Orchestrator.Testing.ModelApi;

/// <summary>What a request to the Messages API has to look like (https://docs.anthropic.com/en/api/messages), and what of it the tests expect of Claude Code.</summary>
internal static class ModelRequestRules
{
    private const string Version = "2023-06-01";

    /// <summary>Every rule that the request breaks, in words.</summary>
    public static IEnumerable<string> Check(HttpRequest request, JsonObject? body, string apiKey)
    {
        if (request.Method != "POST" || request.Path != "/v1/messages") yield return $"Unexpected request: {request.Method} {request.Path}";
        if (request.QueryString.Value != "?beta=true") yield return $"Query is '{request.QueryString.Value}', not '?beta=true'.";
        if (request.Headers["anthropic-version"] != Version) yield return $"anthropic-version is '{request.Headers["anthropic-version"]}', not {Version}.";
        if (request.Headers["x-api-key"] != apiKey) yield return "x-api-key is not the key that the test gave the agent.";
        if (request.Headers.Authorization.Count != 0) yield return "A second login was sent: Authorization.";
        if (request.ContentType?.StartsWith("application/json", StringComparison.Ordinal) != true) yield return $"Content type is '{request.ContentType}'.";
        if (!Guid.TryParseExact(request.Headers["x-claude-code-session-id"], "D", out _)) yield return "x-claude-code-session-id is no UUID.";
        foreach (var broken in body is null ? ["The body is no JSON object."] : CheckBody(body)) yield return broken;
    }

    private static IEnumerable<string> CheckBody(JsonObject body)
    {
        if (Text(body["model"]) is null or "") yield return "model is missing.";
        if (body["max_tokens"] is not JsonValue limit || !limit.TryGetValue(out int tokens) || tokens <= 0) yield return "max_tokens is no number above 0.";
        if (body["stream"] is { } stream && !(stream is JsonValue value && value.TryGetValue(out bool _))) yield return "stream is neither true nor false.";
        if (body["tools"] is not JsonArray tools || tools.Count == 0) yield return "No tools are offered.";
        else if (tools.Any(tool => Text(tool?["name"]) is null or "" || tool?["input_schema"] is not JsonObject)) yield return "A tool has no name or no input schema.";
        if (body["messages"] is not JsonArray { Count: > 0 } messages) yield return "There are no messages.";
        else foreach (var broken in CheckMessages(messages)) yield return broken;
    }

    private static IEnumerable<string> CheckMessages(JsonArray messages)
    {
        var open = new HashSet<string>(StringComparer.Ordinal);
        foreach (var message in messages)
        {
            var role = Text(message?["role"]);
            if (role is not ("user" or "assistant" or "system")) yield return $"A message has the role '{role}'.";
            if (message?["content"] is not (JsonArray or JsonValue)) yield return "A message has no content.";
            var blocks = (message?["content"] as JsonArray)?.ToArray() ?? [];
            foreach (var id in blocks.Where(block => Text(block?["type"]) == "tool_result").Select(block => Text(block?["tool_use_id"]) ?? ""))
            {
                if (!open.Remove(id)) yield return $"There is a result for a tool that nobody asked for: '{id}'.";
            }

            if (role == "user" && open.Count > 0) yield return $"Tools without a result: {string.Join(", ", open)}.";
            open.UnionWith(blocks.Where(block => role == "assistant" && Text(block?["type"]) == "tool_use").Select(block => Text(block?["id"]) ?? ""));
        }

        if (open.Count > 0) yield return $"Tools without a result at the end: {string.Join(", ", open)}.";
        if (Text(messages[0]?["role"]) == "assistant") yield return "The first message is the model's.";
    }

    /// <summary>Whether the reply is to be streamed. Claude Code asks without it only after a stream was answered with 404.</summary>
    internal static bool WantsStream(JsonObject body) => body["stream"] is JsonValue value && value.TryGetValue(out bool stream) && stream;

    internal static string? Text(JsonNode? node) => node is JsonValue value && value.TryGetValue(out string? text) ? text : null;
}
