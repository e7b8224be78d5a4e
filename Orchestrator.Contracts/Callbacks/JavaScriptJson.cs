using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Orchestrator.Contracts.Callbacks;

/// <summary>
/// JSON text that JavaScript's <c>JSON.stringify(JSON.parse(text))</c> leaves as it is: receivers of callbacks re-serialise what came before they verify its signature, and .NET's own
/// writers escape more and write numbers otherwise. Rules: ECMA-262, <c>QuoteJSONString</c> and <c>Number::toString</c>. Objects are written by <see cref="JavaScriptObject"/>.
/// </summary>
public static class JavaScriptJson
{
    private const string HexDigits = "0123456789abcdef";

    /// <summary>The value as JSON. Members that are null are left out, of repeated ones the last counts; the text then has the members in the order of their first appearance.</summary>
    /// <exception cref="ArgumentException">It cannot be said in a form that JavaScript keeps: a null that is no member, a number beyond a double, a lone surrogate, or a
    /// name that <see cref="JavaScriptObject"/> refuses.</exception>
    public static string Write(JsonElement value)
    {
        var text = new StringBuilder();
        Append(text, value);
        return text.ToString();
    }

    /// <summary>The text as a JSON string. Lone surrogates are escaped, so that the result is always valid Unicode.</summary>
    public static string Write(string value)
    {
        ArgumentNullException.ThrowIfNull(value);
        var text = new StringBuilder(value.Length + 2);
        Append(text, value);
        return text.ToString();
    }

    /// <summary>The number as JSON: the shortest digits that mean this double.</summary>
    /// <exception cref="ArgumentException">Infinity, or not a number: JSON has neither.</exception>
    public static string Write(double value)
    {
        if (!double.IsFinite(value)) throw new ArgumentException("JSON has no infinity and no NaN.", nameof(value));
        if (value == 0) return "0"; // Negative zero too.

        // "R" has the shortest digits that read back as this double, JavaScript's rule; only the notation differs.
        var shortest = Math.Abs(value).ToString("R", CultureInfo.InvariantCulture);
        var exponentAt = shortest.IndexOf('E', StringComparison.Ordinal);
        var mantissa = exponentAt < 0 ? shortest : shortest[..exponentAt];
        var exponent = exponentAt < 0 ? 0 : int.Parse(shortest.AsSpan(exponentAt + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        var pointAt = mantissa.IndexOf('.', StringComparison.Ordinal);
        var allDigits = pointAt < 0 ? mantissa : mantissa.Remove(pointAt, 1);
        var withoutLeadingZeros = allDigits.TrimStart('0');
        var point = (pointAt < 0 ? mantissa.Length : pointAt) + exponent - (allDigits.Length - withoutLeadingZeros.Length);
        return (value < 0 ? "-" : "") + Place(withoutLeadingZeros.TrimEnd('0'), point);
    }

    internal static void Append(StringBuilder text, string value)
    {
        text.Append('"');
        for (var i = 0; i < value.Length; i++)
        {
            var c = value[i];
            if (char.IsHighSurrogate(c) && i + 1 < value.Length && char.IsLowSurrogate(value[i + 1])) text.Append(c).Append(value[++i]);
            else if (c < ' ' || c is '"' or '\\' || char.IsSurrogate(c)) AppendEscaped(text, c);
            else text.Append(c);
        }

        text.Append('"');
    }

    internal static void Append(StringBuilder text, JsonElement value)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object: text.Append(JavaScriptObject.From(value)); break;
            case JsonValueKind.Array: AppendArray(text, value); break;
            case JsonValueKind.String: Append(text, ReadString(value)); break;
            case JsonValueKind.Number: text.Append(Write(value.GetDouble())); break;
            case JsonValueKind.True: text.Append("true"); break;
            case JsonValueKind.False: text.Append("false"); break;
            default: throw new ArgumentException("A null that is no member of an object cannot be left out.", nameof(value));
        }
    }

    private static void AppendArray(StringBuilder text, JsonElement array)
    {
        text.Append('[');
        var isFirst = true;
        foreach (var item in array.EnumerateArray())
        {
            if (!isFirst) text.Append(',');
            isFirst = false;
            Append(text, item);
        }

        text.Append(']');
    }

    private static string ReadString(JsonElement value)
    {
        try
        {
            return value.GetString()!;
        }
        catch (InvalidOperationException e)
        {
            throw new ArgumentException("A string has half of a surrogate pair.", nameof(value), e);
        }
    }

    private static void AppendEscaped(StringBuilder text, char c)
    {
        text.Append('\\');
        var letter = c switch { '"' => '"', '\\' => '\\', '\b' => 'b', '\t' => 't', '\n' => 'n', '\f' => 'f', '\r' => 'r', _ => 'u' };
        text.Append(letter);
        if (letter != 'u') return;
        for (var shift = 12; shift >= 0; shift -= 4) text.Append(HexDigits[(c >> shift) & 0xf]);
    }

    /// <summary>Number::toString, from the digits and the place of the decimal point: 1 for one digit before it.</summary>
    private static string Place(string digits, int point)
    {
        if (point is > 21 or <= -6)
        {
            var exponent = point - 1;
            var sign = exponent < 0 ? "-" : "+";
            return $"{digits[0]}{(digits.Length > 1 ? "." : "")}{digits.AsSpan(1)}e{sign}{Math.Abs(exponent).ToString(CultureInfo.InvariantCulture)}";
        }

        if (point <= 0) return "0." + new string('0', -point) + digits;
        return digits.Length <= point ? digits.PadRight(point, '0') : digits.Insert(point, ".");
    }
}
