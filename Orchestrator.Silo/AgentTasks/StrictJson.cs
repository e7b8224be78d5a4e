using System.Text.Json;
using System.Text.Unicode;

namespace Orchestrator.Silo.AgentTasks;

/// <summary>
/// JSON as a request must be: UTF-8 without faults, at most 32 levels, no name twice in an object, and no half of a surrogate pair, which no UTF-8 text can hold.
/// What two readers could understand differently is refused.
/// </summary>
internal static class StrictJson
{
    private const int DepthMax = 32;

    /// <returns>The object, or what is wrong with it.</returns>
    public static (JsonDocument? Document, string? Error) ParseObject(ReadOnlyMemory<byte> bytes)
    {
        if (bytes.IsEmpty) return (null, "Body is empty; it must be a JSON object");
        if (!Utf8.IsValid(bytes.Span)) return (null, "Body is not valid UTF-8");
        JsonDocument document;
        try
        {
            if (HasLoneSurrogate(bytes.Span)) return (null, "Body has half of a surrogate pair in a string");
            document = JsonDocument.Parse(bytes, new() { MaxDepth = DepthMax, AllowDuplicateProperties = false });
        }
        catch (JsonException exception)
        {
            return (null, $"Body is not valid JSON: {Explain(exception)}");
        }

        if (document.RootElement.ValueKind == JsonValueKind.Object) return (document, null);
        document.Dispose();
        return (null, "Body must be a JSON object");
    }

    /// <summary>Its own message repeats what was sent, which may be a secret.</summary>
    private static string Explain(JsonException exception)
    {
        if (exception.Message.Contains("Duplicate", StringComparison.OrdinalIgnoreCase)) return "a name comes twice in an object";
        if (exception.Message.Contains("depth", StringComparison.OrdinalIgnoreCase)) return $"more than {DepthMax} levels";
        return exception.LineNumber is { } line ? $"line {line + 1}, byte {exception.BytePositionInLine + 1}" : "it breaks off";
    }

    private static bool HasLoneSurrogate(ReadOnlySpan<byte> bytes)
    {
        // Valid UTF-8 has none; only an escape can write one.
        if (bytes.IndexOf("\\u"u8) < 0) return false;
        var reader = new Utf8JsonReader(bytes, new JsonReaderOptions { MaxDepth = DepthMax });
        while (reader.Read())
        {
            if (reader.TokenType is not (JsonTokenType.String or JsonTokenType.PropertyName) || !reader.ValueIsEscaped) continue;
            try
            {
                reader.GetString();
            }
            catch (InvalidOperationException)
            {
                return true; // Its documented answer to an escape that is no text.
            }
        }

        return false;
    }
}
