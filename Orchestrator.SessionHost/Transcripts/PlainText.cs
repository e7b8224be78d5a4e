using System.Text;

namespace Orchestrator.SessionHost;

/// <summary>Takes out of a text what a terminal would act upon: escape sequences (ECMA-48: CSI, OSC, DCS and their like) and control characters but tab and line feed.</summary>
internal static class PlainText
{
    private const char Escape = '\u001b', Bell = '\u0007', StringEnd = '\u009c';

    internal static void Append(ReadOnlySpan<char> text, StringBuilder into)
    {
        while (!text.IsEmpty)
        {
            var plain = 0;
            while (plain < text.Length && !IsControl(text[plain])) plain++;
            into.Append(text[..plain]);
            text = text[plain..];
            if (!text.IsEmpty) text = text[Skip(text)..];
        }
    }

    private static bool IsControl(char value) => (value < ' ' && value is not ('\n' or '\t')) || value is >= '\u007f' and <= '\u009f';

    /// <summary>How long what begins here is.</summary>
    private static int Skip(ReadOnlySpan<char> text) => text switch
    {
        [Escape, '[', ..] => SkipControlSequence(text, 2),
        ['\u009b', ..] => SkipControlSequence(text, 1),
        [Escape, ']' or 'P' or 'X' or '^' or '_', ..] => SkipString(text, 2),
        ['\u009d' or '\u0090' or '\u0098' or '\u009e' or '\u009f', ..] => SkipString(text, 1),
        [Escape, >= ' ' and <= '/', _, ..] => 3,
        [Escape, >= '0' and <= '~', ..] => 2,
        _ => 1,
    };

    private static int SkipControlSequence(ReadOnlySpan<char> text, int at)
    {
        while (at < text.Length && text[at] is >= ' ' and <= '?') at++;
        return at < text.Length && text[at] is >= '@' and <= '~' ? at + 1 : at;
    }

    private static int SkipString(ReadOnlySpan<char> text, int at)
    {
        for (; at < text.Length; at++)
        {
            if (text[at] is Bell or StringEnd) return at + 1;
            if (text[at] == Escape) return at + 1 < text.Length && text[at + 1] == '\\' ? at + 2 : at;
            if (text[at] == '\n') return at;
        }

        return at;
    }
}
