using System.Text;
using System.Text.Json;

namespace Orchestrator.SessionHost;

/// <summary>
/// Renders a line of output for reading: lines of Claude Code's <c>stream-json</c> as what they mean, other JSON shortly, everything else as it is.
/// </summary>
internal static class TranscriptLine
{
    private const int TextCharsMax = 4000, ShortCharsMax = 200;

    internal static void Render(ReadOnlySpan<byte> line, long cutBytes, StringBuilder into)
    {
        if (cutBytes == 0 && line is [(byte)'{', ..] && TryRenderJson(line, into)) return;
        var charsMax = line is [(byte)'{', ..] ? ShortCharsMax : TextCharsMax;
        AppendText(Encoding.UTF8.GetString(line[..Math.Min(line.Length, charsMax * 4)]), charsMax, into);
        if (cutBytes > 0) into.Append(' ').Append(EventLog.CutMarker(cutBytes));
        into.Append('\n');
    }

    private static bool TryRenderJson(ReadOnlySpan<byte> line, StringBuilder into)
    {
        try
        {
            var reader = new Utf8JsonReader(line);
            using var document = JsonDocument.ParseValue(ref reader);
            return RenderEvent(document.RootElement, into);
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            // Not JSON after all, or text in it that is no UTF-8: shown as it is.
            return false;
        }
    }

    private static bool RenderEvent(JsonElement root, StringBuilder into)
    {
        switch (StringOf(root, "type"))
        {
            case "assistant" or "user" when root.TryGetProperty("message", out var message) && message.ValueKind == JsonValueKind.Object:
                RenderMessage(message, into);
                return true;
            case "system":
                into.Append("[system] ");
                AppendShort($"{StringOf(root, "subtype")} {StringOf(root, "model")}", into);
                into.Append('\n');
                return true;
            case "result":
                RenderResult(root, into);
                return true;
            case "stream_event" or "control_response":
                return true;
            default:
                return false;
        }
    }

    private static void RenderMessage(JsonElement message, StringBuilder into)
    {
        if (!message.TryGetProperty("content", out var content)) return;
        if (content.ValueKind == JsonValueKind.String)
        {
            into.Append("> ");
            AppendText(content.GetString()!, TextCharsMax, into);
            into.Append('\n');
            return;
        }

        if (content.ValueKind != JsonValueKind.Array) return;
        foreach (var block in content.EnumerateArray()) RenderBlock(block, into);
    }

    private static void RenderBlock(JsonElement block, StringBuilder into)
    {
        if (block.ValueKind != JsonValueKind.Object) return;
        switch (StringOf(block, "type"))
        {
            case "text":
                AppendText(StringOf(block, "text") ?? "", TextCharsMax, into);
                into.Append('\n');
                break;
            case "tool_use":
                into.Append("● ");
                AppendShort(StringOf(block, "name") ?? "tool", into);
                into.Append('(');
                if (block.TryGetProperty("input", out var input)) AppendShort(ShortInput(input), into);
                into.Append(")\n");
                break;
            case "tool_result":
                into.Append(block.TryGetProperty("is_error", out var isError) && isError.ValueKind == JsonValueKind.True ? "  ✗ " : "  → ");
                if (block.TryGetProperty("content", out var result)) AppendShort(ResultText(result), into);
                into.Append('\n');
                break;
        }
    }

    /// <summary>The one thing that tells most of a tool's input: its command or path, else all of it.</summary>
    private static string ShortInput(JsonElement input)
    {
        if (input.ValueKind != JsonValueKind.Object) return input.ToString();
        foreach (var name in (ReadOnlySpan<string>)["command", "file_path", "path", "pattern", "query", "url", "description"])
        {
            if (StringOf(input, name) is { } value) return value;
        }

        return input.GetRawText();
    }

    private static string ResultText(JsonElement result)
    {
        if (result.ValueKind == JsonValueKind.String) return result.GetString()!;
        if (result.ValueKind != JsonValueKind.Array) return "";
        return string.Join(' ', result.EnumerateArray().Where(part => part.ValueKind == JsonValueKind.Object).Select(part => StringOf(part, "text") ?? "…"));
    }

    private static void RenderResult(JsonElement root, StringBuilder into)
    {
        into.Append("[result] ");
        AppendShort(StringOf(root, "subtype") ?? "", into);
        if (root.TryGetProperty("num_turns", out var turns)) into.Append(", turns ").Append(turns.GetRawText());
        if (root.TryGetProperty("total_cost_usd", out var cost)) into.Append(", cost $").Append(cost.GetRawText());
        if (root.TryGetProperty("is_error", out var isError) && isError.ValueKind == JsonValueKind.True)
        {
            into.Append(", error: ");
            AppendShort(StringOf(root, "result") ?? "", into);
        }

        into.Append('\n');
    }

    private static string? StringOf(JsonElement element, string name) =>
        element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    /// <summary>On one line, and short.</summary>
    private static void AppendShort(string text, StringBuilder into)
    {
        var isLong = text.Length > ShortCharsMax;
        var line = (isLong ? text[..ShortCharsMax] : text).Replace('\n', ' ');
        PlainText.Append(line, into);
        if (isLong) into.Append('…');
    }

    private static void AppendText(string text, int charsMax, StringBuilder into)
    {
        PlainText.Append(text.AsSpan(0, Math.Min(text.Length, charsMax)), into);
        if (text.Length > charsMax) into.Append('…');
    }
}
