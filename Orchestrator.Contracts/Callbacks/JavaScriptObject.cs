using System.Text;
using System.Text.Json;

namespace Orchestrator.Contracts.Callbacks;

/// <summary>
/// Builds one JSON object in the form of <see cref="JavaScriptJson"/>. Members stand in the order in which they were added; a value that is null is left out. Refused, by
/// <see cref="ArgumentException"/>: a name twice (JavaScript keeps one), a name of digits only (JavaScript moves it to the front) and <c>__proto__</c> (lost in an assignment).
/// </summary>
public sealed class JavaScriptObject
{
    private readonly HashSet<string> _names = new(StringComparer.Ordinal);
    private readonly StringBuilder _members = new();

    /// <summary>Whether nothing was added.</summary>
    public bool IsEmpty => _names.Count == 0;

    /// <summary>A copy of a JSON object: see <see cref="JavaScriptJson.Write(JsonElement)"/> for what is left out and refused.</summary>
    /// <exception cref="ArgumentException">It is no object, or has something that JavaScript does not keep.</exception>
    public static JavaScriptObject From(JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.Object) throw new ArgumentException("Not a JSON object.", nameof(value));
        var members = new OrderedDictionary<string, JsonElement>(StringComparer.Ordinal);
        foreach (var member in value.EnumerateObject()) members[ReadName(member)] = member.Value;
        var copy = new JavaScriptObject();
        foreach (var (name, member) in members) copy.Add(name, member);
        return copy;
    }

    /// <summary>Adds a string.</summary>
    public JavaScriptObject Add(string name, string? value)
    {
        if (value is null) return this;
        Begin(name);
        JavaScriptJson.Append(_members, value);
        return this;
    }

    /// <summary>Adds <c>true</c> or <c>false</c>.</summary>
    public JavaScriptObject Add(string name, bool? value) => value is { } known ? AddText(name, known ? "true" : "false") : this;

    /// <summary>Adds a number. Beyond 2^53 it is the nearest double, as JavaScript has no other numbers.</summary>
    public JavaScriptObject Add(string name, long? value) => value is { } known ? AddText(name, JavaScriptJson.Write((double)known)) : this;

    /// <summary>Adds a number.</summary>
    /// <exception cref="ArgumentException">It is no finite number.</exception>
    public JavaScriptObject Add(string name, double? value) => value is { } known ? AddText(name, JavaScriptJson.Write(known)) : this;

    /// <summary>Adds an object, as it is now.</summary>
    public JavaScriptObject Add(string name, JavaScriptObject? value) => value is null ? this : AddText(name, value.ToString());

    /// <summary>Adds an array of objects, an empty one too.</summary>
    public JavaScriptObject Add(string name, IEnumerable<JavaScriptObject>? values) => values is null ? this : AddText(name, $"[{string.Join(',', values)}]");

    /// <summary>Adds any JSON value; a JSON null is left out.</summary>
    /// <exception cref="ArgumentException">See <see cref="JavaScriptJson.Write(JsonElement)"/>.</exception>
    public JavaScriptObject Add(string name, JsonElement value) =>
        value.ValueKind is JsonValueKind.Null or JsonValueKind.Undefined ? this : AddText(name, JavaScriptJson.Write(value));

    /// <summary>The object's JSON text.</summary>
    public override string ToString() => $"{{{_members}}}";

    private JavaScriptObject AddText(string name, string json)
    {
        Begin(name);
        _members.Append(json);
        return this;
    }

    private void Begin(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (name == "__proto__" || (name.Length > 0 && name.All(char.IsAsciiDigit)))
            throw new ArgumentException($"A member may not be named '{name}': JavaScript does not keep it in its place.", nameof(name));
        if (!_names.Add(name)) throw new ArgumentException($"The member '{name}' is there already.", nameof(name));
        if (_members.Length > 0) _members.Append(',');
        JavaScriptJson.Append(_members, name);
        _members.Append(':');
    }

    private static string ReadName(JsonProperty member)
    {
        try
        {
            return member.Name;
        }
        catch (InvalidOperationException e)
        {
            throw new ArgumentException("A name has half of a surrogate pair.", nameof(member), e);
        }
    }
}
