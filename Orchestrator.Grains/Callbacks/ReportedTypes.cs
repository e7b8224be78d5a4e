using System.Globalization;
using System.Text.Json;
using Orchestrator.Contracts.Callbacks;

namespace Orchestrator.Grains.Callbacks;

/// <summary>
/// The type of each member that an agent may report, and the conversions that cannot change its meaning (a number where digits in a string are wanted). What does not fit is dropped.
/// The families <c>planning_*</c>, <c>execution_*</c>, <c>review_*</c>, <c>pull_request_*</c> and <c>sentry_*</c> are open, as text: the dispatcher's prompts may name members that we do not know.
/// </summary>
internal static class ReportedTypes
{
    private const int NameLengthMax = 64;

    private static readonly string[] Families = ["planning_", "execution_", "review_", "pull_request_", "sentry_"];

    private static readonly Dictionary<string, MemberType> Known = new(StringComparer.Ordinal)
    {
        ["prUrl"] = MemberType.Url,
        ["ciFailed"] = MemberType.Boolean,
        ["rebaseResult"] = MemberType.Rebase,
        ["comment_replied"] = MemberType.Boolean,
        ["planning_pr_url"] = MemberType.Url,
        ["planning_has_plan_doc"] = MemberType.Flag,
        ["execution_linear_issue_url"] = MemberType.Url,
        ["review_types"] = MemberType.TextOrList,
        ["review_comments_posted"] = MemberType.Digits,
        ["review_id"] = MemberType.TextOrNumber,
        ["needs_remediation"] = MemberType.Flag,
        ["requires_re_review"] = MemberType.Flag,
        ["sentry_outcome"] = MemberType.SentryOutcome,
        ["sentry_issue_url"] = MemberType.Url,
    };

    private enum MemberType
    {
        Text,
        TextOrList,
        TextOrNumber,
        Url,
        Boolean,
        Flag,
        Digits,
        Rebase,
        SentryOutcome,
    }

    /// <summary>The member's name when it is allowed, else null.</summary>
    public static string? Find(JsonProperty member)
    {
        var name = ReadOrNull(member, static member => member.Name);
        return name is not null && (Known.ContainsKey(name) || IsInFamily(name)) ? name : null;
    }

    /// <summary>Adds the member, converted, unless its value does not fit: then false.</summary>
    public static bool TryAdd(JavaScriptObject target, string name, JsonElement value)
    {
        switch (Known.GetValueOrDefault(name, MemberType.Text))
        {
            case MemberType.Boolean:
                if (ReadBoolean(value) is not { } isTrue) return false;
                target.Add(name, isTrue);
                return true;
            case MemberType.Rebase when value.ValueKind == JsonValueKind.Object:
                if (ReadRebase(value) is not { } rebase) return false;
                target.Add(name, rebase);
                return true;
            case var type:
                if (ReadAsString(type, value) is not { } text) return false;
                target.Add(name, text);
                return true;
        }
    }

    private static bool IsInFamily(string name) =>
        name.Length <= NameLengthMax
        && Families.Any(family => name.Length > family.Length && name.StartsWith(family, StringComparison.Ordinal))
        && name.All(c => char.IsAsciiLetterOrDigit(c) || c == '_');

    private static string? ReadAsString(MemberType type, JsonElement value) => type switch
    {
        MemberType.TextOrList => ReadText(value) ?? ReadList(value),
        MemberType.TextOrNumber => ReadText(value) ?? ReadDigits(value),
        MemberType.Url => ReadUrl(value),
        MemberType.Flag => ReadBoolean(value) is { } isSet ? (isSet ? "1" : "0") : null,
        MemberType.Digits => ReadDigits(value),
        MemberType.Rebase => ReadString(value) is "success" or "conflict" or "skipped" ? ReadString(value) : null,
        MemberType.SentryOutcome => ReadString(value) is "fixed" or "suppressed" ? ReadString(value) : null,
        _ => ReadText(value),
    };

    private static JavaScriptObject? ReadRebase(JsonElement value)
    {
        if (MemberOrNull(value, "attempted") is not { } attempted || MemberOrNull(value, "success") is not { } success) return null;
        if (ReadBoolean(attempted) is not { } wasAttempted || ReadBoolean(success) is not { } wasSuccess) return null;
        return new JavaScriptObject().Add("attempted", wasAttempted).Add("success", wasSuccess);
    }

    private static JsonElement? MemberOrNull(JsonElement value, string name)
    {
        try
        {
            return value.TryGetProperty(name, out var member) ? member : null;
        }
        catch (InvalidOperationException)
        {
            return null; // Another member's name holds half of a surrogate pair: the search stumbles over it.
        }
    }

    /// <summary>A text that says something, cut at the limit; an empty one counts as not reported, as it does for the dispatcher.</summary>
    private static string? ReadText(JsonElement value)
    {
        var text = ReadString(value);
        if (string.IsNullOrWhiteSpace(text)) return null;
        if (text.Length <= ReportedMembers.StringLengthMax) return text;
        var length = ReportedMembers.StringLengthMax;
        return text[..(char.IsHighSurrogate(text[length - 1]) ? length - 1 : length)];
    }

    private static string? ReadList(JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.Array) return null;
        var items = value.EnumerateArray().Select(ReadText).ToList();
        var list = string.Join(',', items);
        return items.Count > 0 && items.TrueForAll(item => item is not null) && list.Length <= ReportedMembers.StringLengthMax ? list : null;
    }

    private static string? ReadUrl(JsonElement value)
    {
        var text = ReadString(value)?.Trim();
        if (text is null || text.Length > 2048 || text.Any(c => c <= ' ') || !Uri.TryCreate(text, UriKind.Absolute, out var url)) return null;
        return url.Scheme == Uri.UriSchemeHttps || url.Scheme == Uri.UriSchemeHttp ? text : null;
    }

    private static bool? ReadBoolean(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        JsonValueKind.Number => value.TryGetInt32(out var number) ? number switch { 0 => false, 1 => true, _ => null } : null,
        _ => ReadString(value) switch { "1" or "true" => true, "0" or "false" => false, _ => null },
    };

    private static string? ReadDigits(JsonElement value)
    {
        if (value.ValueKind == JsonValueKind.Number)
            return value.TryGetInt64(out var number) && number >= 0 ? number.ToString(CultureInfo.InvariantCulture) : null;
        return ReadString(value) is { Length: > 0 and <= 20 } text && text.All(char.IsAsciiDigit) ? text : null;
    }

    private static string? ReadString(JsonElement value) =>
        value.ValueKind == JsonValueKind.String ? ReadOrNull(value, static value => value.GetString()) : null;

    private static string? ReadOrNull<T>(T source, Func<T, string?> read)
    {
        try
        {
            return read(source);
        }
        catch (InvalidOperationException)
        {
            return null; // Half of a surrogate pair: no text. JsonElement can only say so by throwing.
        }
    }
}
