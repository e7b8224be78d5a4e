using System.Text.RegularExpressions;

namespace Orchestrator.EmbeddedSilo.Tests.ApiFidelity;

/// <summary>One type as the listing has it: a head line and a line for each member.</summary>
/// <param name="Kind">`interface`, `sealed class`, `struct` …</param>
/// <param name="Name">Full name, with the names of its type parameters.</param>
/// <param name="Assembly">Simple name.</param>
/// <param name="Bases">Of a class its base class, of an interface all interfaces.</param>
/// <param name="Members">As in <see cref="ApiMember.Line"/>.</param>
internal sealed record ListedType(string Kind, string Name, string Assembly, IReadOnlyList<string> Bases, IReadOnlyList<string> Members);

/// <summary>Reads the files that list Orleans' API as text.</summary>
internal static partial class ApiListing
{
    /// <summary>The listing and our additions to it; a type that stands in both has two entries.</summary>
    public static IReadOnlyList<ListedType> All { get; } = [.. Read("orleans-api.txt"), .. Read("orleans-api-additions.txt")];

    /// <summary>The types of one file beside the tests.</summary>
    public static IReadOnlyList<ListedType> Read(string fileName)
    {
        var types = new List<ListedType>();
        var members = new List<string>();
        foreach (var line in File.ReadLines(Path.Combine(AppContext.BaseDirectory, "ApiFidelity", fileName)))
        {
            if (line.Length == 0 || line[0] == '#') continue;
            if (line.StartsWith("  ", StringComparison.Ordinal))
            {
                members.Add(line.Trim());
                continue;
            }
            var head = Head().Match(line);
            if (!head.Success) throw new FormatException($"{fileName}: '{line}' is neither a type (kind name [assembly] : bases) nor an indented member.");
            members = [];
            types.Add(new(
                head.Groups["kind"].Value,
                head.Groups["name"].Value,
                head.Groups["assembly"].Value,
                SplitBases(head.Groups["bases"].Value),
                members));
        }
        return types;
    }

    /// <summary>Splits at the commas that do not stand between angle brackets.</summary>
    private static List<string> SplitBases(string bases)
    {
        var parts = new List<string>();
        var start = 0;
        var depth = 0;
        for (var at = 0; at <= bases.Length; at++)
        {
            var character = at < bases.Length ? bases[at] : ',';
            if (character == '<') depth++;
            if (character == '>') depth--;
            if (character != ',' || depth > 0) continue;
            if (at > start) parts.Add(bases[start..at].Trim());
            start = at + 1;
        }
        return parts;
    }

    [GeneratedRegex(@"^(?<kind>((abstract|sealed|static) )?(class|interface|struct|enum)) (?<name>\S+) \[(?<assembly>\S+)\]( : (?<bases>.+))?$",
        RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Head();
}
