using System.Text.Json;

namespace Orchestrator.Silo.Agents.Output;

/// <summary>Reads members of JSON that others wrote: a missing member, another type or half a surrogate pair is null, never an exception.</summary>
internal static class JsonReading
{
    /// <summary>The member; null when there is none or this is no object.</summary>
    public static JsonElement? Member(this JsonElement element, string name)
    {
        if (element.ValueKind != JsonValueKind.Object) return null;
        try
        {
            return element.TryGetProperty(name, out var value) ? value : null;
        }
        catch (InvalidOperationException)
        {
            return null; // Half a surrogate pair in the name of another member: the search stumbles over it.
        }
    }

    /// <summary>The member as text.</summary>
    public static string? Text(this JsonElement element, string name) => element.Member(name)?.AsText();

    /// <summary>The value as text.</summary>
    public static string? AsText(this JsonElement element)
    {
        if (element.ValueKind != JsonValueKind.String) return null;
        try
        {
            return element.GetString();
        }
        catch (InvalidOperationException)
        {
            return null; // Half a surrogate pair; JsonElement can only say so by throwing.
        }
    }

    /// <summary>The member as a whole number that is not negative.</summary>
    public static long? Count(this JsonElement element, string name) =>
        element.Member(name) is { ValueKind: JsonValueKind.Number } value && value.TryGetInt64(out var number) && number >= 0 ? number : null;

    /// <summary>The member as a finite number that is not negative.</summary>
    public static double? Amount(this JsonElement element, string name) =>
        element.Member(name) is { ValueKind: JsonValueKind.Number } value && value.TryGetDouble(out var number) && double.IsFinite(number) && number >= 0 ? number : null;

    /// <summary>Whether the member is <c>true</c>.</summary>
    public static bool IsTrue(this JsonElement element, string name) => element.Member(name) is { ValueKind: JsonValueKind.True };

    /// <summary>The member's elements; none when it is no array.</summary>
    public static IEnumerable<JsonElement> Items(this JsonElement element, string name) =>
        element.Member(name) is { ValueKind: JsonValueKind.Array } value ? value.EnumerateArray() : [];
}
