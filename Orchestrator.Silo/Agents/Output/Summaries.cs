using System.Text;
using System.Text.RegularExpressions;

namespace Orchestrator.Silo.Agents.Output;

/// <summary>Makes summaries of what agents printed.</summary>
internal static partial class Summaries
{
    /// <summary>The text without escape sequences and control characters, at most so long; null when nothing is left.</summary>
    /// <param name="text">Any text.</param>
    /// <param name="charsMax">UTF-16 units.</param>
    /// <param name="isTail">Whether a long one loses its beginning, by whole lines where it can; else its end.</param>
    public static string? Make(string? text, int charsMax, bool isTail)
    {
        if (text is null) return null;
        // Cut first, with room for what is taken out: the patterns then see a bounded text.
        var clean = Clean(Cut(text.Trim(), charsMax * 4, isTail)).Trim();
        if (clean.Length > charsMax) clean = isTail ? WholeLines(Cut(clean, charsMax, isTail)) : Cut(clean, charsMax - 1, isTail).TrimEnd() + "…";
        return clean.Length == 0 ? null : clean;
    }

    private static string Cut(string text, int charsMax, bool isTail)
    {
        if (text.Length <= charsMax) return text;
        if (isTail) return text[(char.IsLowSurrogate(text[^charsMax]) ? text.Length - charsMax + 1 : text.Length - charsMax)..];
        return text[..(char.IsHighSurrogate(text[charsMax - 1]) ? charsMax - 1 : charsMax)];
    }

    private static string WholeLines(string tail)
    {
        var start = tail.IndexOf('\n', StringComparison.Ordinal);
        return start < 0 || start > tail.Length / 2 ? tail : tail[(start + 1)..].TrimStart();
    }

    private static string Clean(string text)
    {
        var clean = new StringBuilder(text.Length);
        foreach (var rune in EscapeSequence().Replace(text, "").EnumerateRunes())
        {
            // EnumerateRunes makes U+FFFD of half a surrogate pair, which no JSON could carry.
            if (rune.Value is '\n' or '\t' || !Rune.IsControl(rune)) clean.Append(rune.ToString());
        }

        return BlankLines().Replace(clean.ToString(), "\n\n");
    }

    /// <summary>CSI and OSC sequences, and two-character ones (ECMA-48).</summary>
    [GeneratedRegex(@"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_])", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex EscapeSequence();

    [GeneratedRegex(@"\n[ \t]*\n(?:[ \t]*\n)+", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex BlankLines();
}
