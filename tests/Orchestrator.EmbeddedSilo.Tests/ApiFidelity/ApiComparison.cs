namespace Orchestrator.EmbeddedSilo.Tests.ApiFidelity;

/// <summary>One thing of ours that Orleans does not have, or has otherwise.</summary>
/// <param name="Type">Full name.</param>
/// <param name="What">Our member or fact.</param>
/// <param name="Nearest">What Orleans has that looks most like it.</param>
internal sealed record ApiDifference(string Type, string What, IReadOnlyList<string> Nearest)
{
    /// <summary>Names the difference in <see cref="KnownDifferences"/>.</summary>
    public string Key => $"{Type}: {What}";

    /// <inheritdoc />
    public override string ToString() =>
        $"{Type}{Environment.NewLine}    ours:    {What}{string.Concat(Nearest.Select(near => $"{Environment.NewLine}    Orleans: {near}"))}";
}

/// <summary>Holds a type of ours against what is known of Orleans'. We may have less than Orleans, never anything else.</summary>
internal static class ApiComparison
{
    private static readonly char[] WordEnds = [' ', '<', '>', '(', ')', ',', '.', '?', '[', ']', '&'];

    /// <summary>Every difference of one type.</summary>
    /// <param name="ours">The type as our assembly has it.</param>
    /// <param name="listed">All entries of that name in the listings.</param>
    /// <param name="published">The type in the packages, or null when its package cannot be had.</param>
    public static IEnumerable<ApiDifference> Compare(ApiType ours, IReadOnlyList<ListedType> listed, ApiType? published)
    {
        if (listed.Count == 0)
        {
            return [new(ours.Name, $"{ours.Kind} {ours.Name}", published is null ? [] : [$"{published.Kind} {published.Name}, which no listing has"])];
        }
        var differences = CompareToListing(ours, listed).ToList();
        var reported = differences.ConvertAll(difference => difference.What);
        var more = published is null ? CompareFinePrint(ours, listed) : CompareToPublished(ours, published);
        differences.AddRange(more.Where(other => !reported.Exists(what => $"{other.What} ".StartsWith($"{what} ", StringComparison.Ordinal))));
        return differences;
    }

    private static IEnumerable<ApiDifference> CompareToListing(ApiType ours, IReadOnlyList<ListedType> listed)
    {
        var kinds = listed.Select(type => type.Kind).Distinct(StringComparer.Ordinal).ToArray();
        if (!kinds.Contains(ours.Kind, StringComparer.Ordinal)) yield return new(ours.Name, ours.Kind, kinds);
        var bases = listed.SelectMany(type => type.Bases).ToArray();
        if (ours.BaseClass is { } baseClass && !bases.Contains(baseClass, StringComparer.Ordinal)) yield return new(ours.Name, $"base class {baseClass}", bases);
        // Of classes and structs the listing names no interfaces.
        foreach (var extra in ours.Kind == "interface" ? ours.Interfaces.Except(bases) : []) yield return new(ours.Name, $"interface {extra}", bases);
        var lines = listed.SelectMany(type => type.Members).ToArray();
        foreach (var member in ours.Members.Where(member => member.IsListed && !lines.Contains(member.Line, StringComparer.Ordinal)))
            yield return new(ours.Name, member.Line, Nearest(member.Line, lines));
    }

    /// <summary>
    /// Where no package can be had, our additions to the listing must say what it leaves out: the fine print, as a line of its own of the
    /// type or after the member's line, and interfaces of classes. What overrides a method of every object adds nothing.
    /// </summary>
    private static IEnumerable<ApiDifference> CompareFinePrint(ApiType ours, IReadOnlyList<ListedType> listed)
    {
        var lines = listed.SelectMany(type => type.Members).ToArray();
        var interfaces = ours.Kind is "interface" or "enum" ? [] : ours.Interfaces.Select(name => $"interface {name}");
        var unlisted = ours.Members.Where(member => !member.IsListed && !member.OverridesObject).Select(member => member.Full);
        foreach (var extra in ours.FinePrint.Concat(interfaces).Concat(unlisted).Except(lines)) yield return new(ours.Name, extra, Nearest(extra, lines));
        foreach (var member in ours.Members.Where(member => member.IsListed))
        {
            var fullLines = lines.Where(line => line.StartsWith($"{member.Line} ", StringComparison.Ordinal)).ToArray();
            var isSame = fullLines.Length == 0 ? member.FinePrint.Length == 0 : fullLines.Contains(member.Full, StringComparer.Ordinal);
            if (!isSame) yield return new(ours.Name, member.Full, Nearest(member.Full, lines));
        }
    }

    private static IEnumerable<ApiDifference> CompareToPublished(ApiType ours, ApiType published)
    {
        if (ours.Kind != published.Kind) yield return new(ours.Name, ours.Kind, [published.Kind]);
        if (ours.BaseClass is { } baseClass && baseClass != published.BaseClass) yield return new(ours.Name, $"base class {baseClass}", [published.BaseClass ?? "none"]);
        foreach (var extra in ours.Interfaces.Except(published.Interfaces)) yield return new(ours.Name, $"interface {extra}", published.Interfaces);
        foreach (var extra in ours.FinePrint.Except(published.FinePrint)) yield return new(ours.Name, extra, published.FinePrint);
        foreach (var missing in published.FinePrint.Except(ours.FinePrint)) yield return new(ours.Name, $"not {missing}", [missing]);
        var members = published.Members.Select(member => member.Full).ToArray();
        foreach (var member in ours.Members.Where(member => !member.OverridesObject && !members.Contains(member.Full, StringComparer.Ordinal)))
            yield return new(ours.Name, member.Full, Nearest(member.Full, members));
    }

    private static string[] Nearest(string line, IEnumerable<string> lines)
    {
        var words = line.Split(WordEnds, StringSplitOptions.RemoveEmptyEntries);
        return [.. lines.OrderByDescending(other => Likeness(words, other)).Take(3)];
    }

    private static double Likeness(string[] words, string line)
    {
        var others = line.Split(WordEnds, StringSplitOptions.RemoveEmptyEntries);
        return 2.0 * words.Intersect(others).Count() / (words.Length + others.Length);
    }
}
