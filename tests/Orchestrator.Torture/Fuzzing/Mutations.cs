using System.Text;

namespace Orchestrator.Torture.Fuzzing;

/// <summary>Spoils good input in small ways.</summary>
internal static class Mutations
{
    private static readonly string[] Tokens =
    [
        "\"", "\\", "{", "}", "[", "]", ",", ":", "null", "true", "0", "-1", "1e999", "\\u0000", "\\ud800", "\\udc00\\ud800", "\0", "\n", "\r\n", "\u2028", "\ufeff", "..", "/", "//", "@{", ".lock", "%2e%2e",
        "\"taskId\":\"other\",", "\"prompt\":1,", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "é", "😀", "\u0130", "ſ", "```", "```json\n", "\"type\":\"result\"", "\"is_error\":true", "99999999999999999999", "-",
    ];

    /// <summary>One to four changes of the bytes; sometimes none.</summary>
    public static byte[] Spoil(byte[] good, Random random)
    {
        var bytes = good.ToList();
        for (var left = random.Next(5); left > 0; left--)
        {
            var at = random.Next(bytes.Count + 1);
            switch (random.Next(7))
            {
                case 0 when at < bytes.Count:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1 when at < bytes.Count:
                    bytes.RemoveAt(at);
                    break;
                case 2:
                    bytes.RemoveRange(at, random.Next(Math.Min(20, bytes.Count - at) + 1));
                    break;
                case 3:
                    bytes.InsertRange(at, bytes.Skip(random.Next(bytes.Count + 1)).Take(random.Next(60)).ToList());
                    break;
                case 4 when random.Next(8) == 0:
                    bytes.RemoveRange(at, bytes.Count - at);
                    break;
                default:
                    bytes.InsertRange(at, Encoding.UTF8.GetBytes(Tokens[random.Next(Tokens.Length)]));
                    break;
            }
        }

        return [.. bytes];
    }

    /// <summary>The same for text; what is no UTF-8 any more becomes U+FFFD.</summary>
    public static string Spoil(string good, Random random) => Encoding.UTF8.GetString(Spoil(Encoding.UTF8.GetBytes(good), random));

    /// <summary>Text of these characters.</summary>
    public static string From(string characters, Random random, int lengthMax)
    {
        var text = new StringBuilder();
        for (var left = random.Next(lengthMax + 1); left > 0; left--) text.Append(characters[random.Next(characters.Length)]);
        return text.ToString();
    }
}
