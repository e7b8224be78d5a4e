using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;

namespace Orchestrator.Testing.ModelApi;

/// <summary>Writes one reply as the Messages API streams it (https://docs.anthropic.com/en/api/messages-streaming).</summary>
internal sealed class ModelReply(HttpResponse response, ModelStep step, string model, string workingDirectory, string id)
{
    private const int PieceLength = 60;

    private string StopReason => step.Tools.Count > 0 ? "tool_use" : "end_turn";

    /// <summary>Writes an error instead of a reply.</summary>
    public static async Task WriteErrorAsync(HttpResponse response, ModelError error)
    {
        response.StatusCode = error.Status;
        response.ContentType = "application/json";
        var body = new JsonObject { ["type"] = "error", ["error"] = new JsonObject { ["type"] = error.Type, ["message"] = error.Message } };
        await response.WriteAsync(body.ToJsonString());
    }

    /// <summary>Writes the reply at once.</summary>
    public Task WriteWholeAsync(CancellationToken cancellationToken)
    {
        var content = new JsonArray();
        if (step.Text is not null) content.Add(new JsonObject { ["type"] = "text", ["text"] = Fill(step.Text) });
        foreach (var tool in step.Tools) content.Add(ToolBlock(content.Count, tool, JsonNode.Parse(Fill(tool.Input.ToJsonString()))));
        var message = Message();
        message["content"] = content;
        message["stop_reason"] = StopReason;
        message["usage"] = Usage(step.Usage.OutputTokens);
        response.ContentType = "application/json";
        return response.WriteAsync(message.ToJsonString(), cancellationToken);
    }

    /// <summary>Writes the stream, as far as the step wants it to get.</summary>
    public async Task WriteAsync(CancellationToken cancellationToken)
    {
        response.ContentType = "text/event-stream";
        await SendAsync("message_start", new JsonObject { ["message"] = Message() }, cancellationToken);
        if (step.Fate == ModelStreamFate.Drops) response.HttpContext.Abort();
        if (step.Fate == ModelStreamFate.Hangs) await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellationToken);
        if (step.Fate != ModelStreamFate.Ends) return;

        var index = 0;
        if (step.Text is not null) await SendTextAsync(index++, Fill(step.Text), cancellationToken);
        foreach (var tool in step.Tools) await SendToolAsync(index++, tool, cancellationToken);
        var delta = new JsonObject { ["stop_reason"] = StopReason, ["stop_sequence"] = null };
        await SendAsync("message_delta", new JsonObject { ["delta"] = delta, ["usage"] = Usage(step.Usage.OutputTokens) }, cancellationToken);
        await SendAsync("message_stop", [], cancellationToken);
    }

    private JsonObject Message() => new()
    {
        ["id"] = id,
        ["type"] = "message",
        ["role"] = "assistant",
        ["model"] = model,
        ["content"] = new JsonArray(),
        ["stop_reason"] = null,
        ["stop_sequence"] = null,
        ["usage"] = Usage(1),
    };

    private JsonObject Usage(int outputTokens) => new()
    {
        ["input_tokens"] = step.Usage.InputTokens,
        ["cache_creation_input_tokens"] = step.Usage.CacheWriteTokens,
        ["cache_read_input_tokens"] = step.Usage.CacheReadTokens,
        ["output_tokens"] = outputTokens,
    };

    private Task SendTextAsync(int index, string text, CancellationToken cancellationToken) => SendBlockAsync(
        index, new JsonObject { ["type"] = "text", ["text"] = "" }, text, piece => new JsonObject { ["type"] = "text_delta", ["text"] = piece }, cancellationToken);

    private Task SendToolAsync(int index, ModelToolUse tool, CancellationToken cancellationToken) => SendBlockAsync(
        index, ToolBlock(index, tool, new JsonObject()), Fill(tool.Input.ToJsonString()), piece => new JsonObject { ["type"] = "input_json_delta", ["partial_json"] = piece }, cancellationToken);

    private JsonObject ToolBlock(int index, ModelToolUse tool, JsonNode? input) => new()
    {
        ["type"] = "tool_use",
        ["id"] = string.Create(CultureInfo.InvariantCulture, $"toolu_{id}_{index}"),
        ["name"] = tool.Name,
        ["input"] = input,
    };

    private async Task SendBlockAsync(int index, JsonObject block, string whole, Func<string, JsonObject> delta, CancellationToken cancellationToken)
    {
        await SendAsync("content_block_start", new JsonObject { ["index"] = index, ["content_block"] = block }, cancellationToken);
        foreach (var piece in Pieces(whole)) await SendAsync("content_block_delta", new JsonObject { ["index"] = index, ["delta"] = delta(piece) }, cancellationToken);
        await SendAsync("content_block_stop", new JsonObject { ["index"] = index }, cancellationToken);
    }

    private async Task SendAsync(string type, JsonObject data, CancellationToken cancellationToken)
    {
        data.Insert(0, "type", type);
        await response.WriteAsync($"event: {type}\ndata: {data.ToJsonString()}\n\n", cancellationToken);
        await response.Body.FlushAsync(cancellationToken);
    }

    private string Fill(string text) => text.Replace("{{cwd}}", workingDirectory, StringComparison.Ordinal);


    private static IEnumerable<string> Pieces(string whole)
    {
        var piece = new StringBuilder();
        foreach (var rune in whole.EnumerateRunes())
        {
            piece.Append(rune.ToString());
            if (piece.Length < PieceLength) continue;
            yield return piece.ToString();
            piece.Clear();
        }

        if (piece.Length > 0) yield return piece.ToString();
    }
}
