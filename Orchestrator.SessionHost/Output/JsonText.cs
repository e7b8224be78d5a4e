using System.Buffers;
using System.Text;

namespace Orchestrator.SessionHost;

/// <summary>Writes bytes as the inside of a JSON string without making a string of them: a line may be a megabyte, and six times that when escaped.</summary>
internal static class JsonText
{
    internal delegate void Sink(ReadOnlySpan<byte> bytes);

    /// <summary>What is no UTF-8 becomes U+FFFD.</summary>
    internal static void Escape(ReadOnlySpan<byte> text, Sink sink)
    {
        Span<byte> escape = stackalloc byte[6];
        while (!text.IsEmpty)
        {
            // By hand: what .NET searches with is quicker, but is compiled anew in each process, which a session's whole output does not win back.
            var plain = 0;
            while (plain < text.Length && IsPlain(text[plain])) plain++;
            if (plain > 0) sink(text[..plain]);
            text = text[plain..];
            if (text.IsEmpty) return;
            if (text[0] < 0x80)
            {
                sink(EscapeAscii(text[0], escape));
                text = text[1..];
                continue;
            }

            var status = Rune.DecodeFromUtf8(text, out var rune, out var length);
            sink(status != OperationStatus.Done ? "\uFFFD"u8 : Separator(rune) is { Length: > 0 } separator ? separator : text[..length]);
            text = text[length..];
        }
    }

    private static bool IsPlain(byte value) => value is >= (byte)' ' and < 0x7f and not (byte)'"' and not (byte)'\\';

    /// <summary>Allowed in JSON as they are, but Node's readline, and what is built on it, ends a line at them.</summary>
    private static ReadOnlySpan<byte> Separator(Rune rune) => rune.Value switch
    {
        0x85 => "\\u0085"u8,
        0x2028 => "\\u2028"u8,
        0x2029 => "\\u2029"u8,
        _ => default,
    };

    private static ReadOnlySpan<byte> EscapeAscii(byte value, Span<byte> buffer)
    {
        switch (value)
        {
            case (byte)'"': return "\\\""u8;
            case (byte)'\\': return "\\\\"u8;
            case (byte)'\t': return "\\t"u8;
            case (byte)'\n': return "\\n"u8;
            case (byte)'\r': return "\\r"u8;
            default:
                const string Hex = "0123456789abcdef";
                "\\u00"u8.CopyTo(buffer);
                (buffer[4], buffer[5]) = ((byte)Hex[value >> 4], (byte)Hex[value & 15]);
                return buffer;
        }
    }
}
