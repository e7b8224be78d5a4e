using System.Text;
using System.Text.Json;

namespace Orchestrator.Silo.AgentTasks;

/// <summary>Reads the known members of an object and collects what is wrong with each. A member that is null counts as not sent, and so does an empty text that may be left out.</summary>
internal sealed class FieldReader(JsonElement root)
{
    /// <summary>Of a text that is passed through, bytes of UTF-8.</summary>
    public const int TextMax = 20_000;

    private const int ItemsMax = 1_000;

    private readonly SortedDictionary<string, IReadOnlyList<string>> _errors = new(StringComparer.Ordinal);

    /// <summary>By field.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<string>> Errors => _errors;

    /// <summary>Whether all that is wrong is so by this service's configuration: another time, or elsewhere, it may be right.</summary>
    public bool IsRightElsewhere { get; private set; } = true;

    public void Fail(string name, string message)
    {
        IsRightElsewhere = false;
        FailHere(name, message);
    }

    /// <summary>Something that this service, as it is configured now, does not take.</summary>
    public void FailHere(string name, string message) => _errors[name] = _errors.TryGetValue(name, out var known) ? [.. known, message] : [message];

    /// <summary>A text that must be there; null when something was wrong.</summary>
    public string? Required(string name, string? rule = null, Func<string, bool>? isRight = null, int max = TextMax)
    {
        if (Find(name) is not { } value)
        {
            Fail(name, "is required");
            return null;
        }

        var text = Text(name, value, max);
        if (text is not { Length: 0 }) return Check(name, text, rule, isRight);
        Fail(name, "must not be empty");
        return null;
    }

    /// <summary>A text that may be there.</summary>
    public string? Optional(string name, string? rule = null, Func<string, bool>? isRight = null) =>
        Find(name) is { } value && Text(name, value, TextMax) is { Length: > 0 } text ? Check(name, text, rule, isRight) : null;

    public bool? Bool(string name)
    {
        if (Find(name) is not { } value) return null;
        if (value.ValueKind is JsonValueKind.True or JsonValueKind.False) return value.GetBoolean();
        Fail(name, "must be true or false");
        return null;
    }

    public int? Int(string name, int min, int max)
    {
        if (Find(name) is not { } value) return null;
        if (value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) && number >= min && number <= max) return number;
        Fail(name, max == int.MaxValue ? $"must be a whole number of at least {min}" : $"must be a whole number from {min} to {max}");
        return null;
    }

    public double? Positive(string name)
    {
        if (Find(name) is not { } value) return null;
        if (value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && number > 0 && double.IsFinite(number)) return number;
        Fail(name, "must be a number of more than 0");
        return null;
    }

    public IReadOnlyList<string>? Texts(string name)
    {
        if (Find(name) is not { } value) return null;
        if (value.ValueKind != JsonValueKind.Array || value.GetArrayLength() > ItemsMax || value.EnumerateArray().Any(item => item.ValueKind != JsonValueKind.String))
        {
            Fail(name, $"must be a list of at most {ItemsMax} texts");
            return null;
        }

        return [.. value.EnumerateArray().Select(item => item.GetString()!)];
    }

    public JsonElement? Object(string name)
    {
        if (Find(name) is not { } value) return null;
        if (value.ValueKind == JsonValueKind.Object) return value.Clone();
        Fail(name, "must be an object");
        return null;
    }

    private JsonElement? Find(string name) => root.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    private string? Text(string name, JsonElement value, int bytesMax)
    {
        if (value.ValueKind != JsonValueKind.String)
        {
            Fail(name, "must be a text");
            return null;
        }

        var text = value.GetString()!;
        if (Encoding.UTF8.GetByteCount(text) <= bytesMax) return text;
        Fail(name, $"must have at most {bytesMax} bytes");
        return null;
    }

    private string? Check(string name, string? text, string? rule, Func<string, bool>? isRight)
    {
        if (text is null || isRight is null || isRight(text)) return text;
        Fail(name, $"must be {rule}");
        return null;
    }
}
