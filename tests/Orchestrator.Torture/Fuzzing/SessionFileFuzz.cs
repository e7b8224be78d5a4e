using System.Text;
using System.Text.Json;
using Orchestrator.SessionHost;

namespace Orchestrator.Torture.Fuzzing;

/// <summary>What the session host reads by hand, against System.Text.Json: the same is taken, the same is refused, and nothing else is thrown.</summary>
internal static class SessionFileFuzz
{
    private static readonly string[] Files =
    [
        """{"taskId":"t-1","run":1,"attempt":2,"arguments":["a","-b","c d"],"workingDirectory":"/w","environment":{"PATH":"/bin","A":"\u00e9\n"},"input":2,"setupScript":null,"outputBytesMax":67108864}""",
        """{"reason":"Cancelled: \"why\" \\ \ud83d\ude00","graceSeconds":10}""", """ [ 0, -1.5e+3, 12E2, true, false, null, "", { "a" : [ ] , "b":{} } ] """, "-9223372036854775808", "\"\"",
    ];

    public static string? Try(Random random)
    {
        // Whether a string is good UTF-8, and its escapes whole pairs, is looked at by System.Text.Json when it is asked for it, and never by the host, which replaces what is not.
        var json = Encoding.ASCII.GetBytes(Encoding.ASCII.GetString(Mutations.Spoil(Encoding.UTF8.GetBytes(Files[random.Next(Files.Length)]), random)).Replace('?', 'x'));
        var isRight = IsJson(json);
        if (IsTaken(json) != isRight) return $"{(isRight ? "refused" : "taken")}: {Encoding.ASCII.GetString(json)}";
        try
        {
            _ = SessionJson.ReadStop(json);
            _ = SessionJson.ReadLaunch(json);
        }
        catch (FormatException)
        {
            // It is no such file, and the host says so.
        }

        return null;
    }

    private static bool IsTaken(byte[] json)
    {
        try
        {
            var cursor = new JsonCursor(json);
            cursor.Skip();
            cursor.End();
            return true;
        }
        catch (FormatException)
        {
            return false;
        }
    }

    private static bool IsJson(byte[] json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
