using System.Text.Json;

namespace Orchestrator.Silo.Agents.Output;

/// <summary>
/// Finds the fenced block (CommonMark 0.31, section 4.5) by which an agent reports result members: the last block of its last words that is labelled <c>json</c> or
/// <c>orchestrator-result</c> and holds a JSON object.
/// </summary>
internal static class ResultBlock
{
    private const int LengthMax = 256 * 1024;

    /// <summary>The text without the block, and the block's object; the text as it is and null when there is no such block.</summary>
    public static (string? Text, JsonElement? Block) Split(string? text)
    {
        if (text is null || !text.Contains("```", StringComparison.Ordinal)) return (text, null);
        var lines = text.Split('\n');
        foreach (var (start, end) in FindBlocks(lines).Reverse())
        {
            if (Parse(string.Join('\n', lines[(start + 1)..end])) is not { } found) continue;
            return (string.Join('\n', [.. lines[..start], .. lines[Math.Min(end + 1, lines.Length)..]]), found);
        }

        return (text, null);
    }

    /// <summary>Opening and closing lines of the labelled blocks. One that is not closed goes to the end, as CommonMark says.</summary>
    private static IEnumerable<(int Start, int End)> FindBlocks(string[] lines)
    {
        for (var start = 0; start < lines.Length; start++)
        {
            var opening = lines[start].Trim();
            var fence = opening.Length - opening.TrimStart('`').Length;
            if (fence < 3 || opening.AsSpan(fence).Contains('`')) continue;
            var end = start + 1;
            while (end < lines.Length && !Closes(lines[end].Trim(), fence)) end++;
            if (opening[fence..].Trim() is "json" or "orchestrator-result") yield return (start, end);
            start = end;
        }
    }

    private static bool Closes(string line, int fence) => line.Length >= fence && line.AsSpan().TrimStart('`').IsEmpty;

    private static JsonElement? Parse(string json)
    {
        if (json.Length > LengthMax) return null;
        try
        {
            using var document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = 32 });
            return document.RootElement.ValueKind == JsonValueKind.Object ? document.RootElement.Clone() : null;
        }
        catch (JsonException)
        {
            return null; // Somebody's example, not a report.
        }
    }
}
