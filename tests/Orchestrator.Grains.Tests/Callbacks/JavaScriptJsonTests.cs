using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Orchestrator.Contracts.Callbacks;

namespace Orchestrator.Grains.Tests.Callbacks;

/// <summary>Our JSON against that of the real thing: Node.</summary>
public sealed class JavaScriptJsonTests
{
    private const int InputCount = 30_000;
    private const int Seed = 20260101;

    [Theory]
    [InlineData(0.1, "0.1")]
    [InlineData(1, "1")]
    [InlineData(-0.0, "0")]
    [InlineData(0.00001, "0.00001")]
    [InlineData(1e-6, "0.000001")]
    [InlineData(1e-7, "1e-7")]
    [InlineData(1.5e-9, "1.5e-9")]
    [InlineData(1e20, "100000000000000000000")]
    [InlineData(1e21, "1e+21")]
    [InlineData(-1.25e22, "-1.25e+22")]
    [InlineData(123456789012345680000d, "123456789012345680000")]
    [InlineData(double.MaxValue, "1.7976931348623157e+308")]
    [InlineData(double.Epsilon, "5e-324")]
    public void Numbers_are_written_as_JavaScript_does(double value, string expected) => Assert.Equal(expected, JavaScriptJson.Write(value));

    [Theory]
    [InlineData("\"\\/\b\t\n\f\r\u0000\u001f\u007f", "\"\\\"\\\\/\\b\\t\\n\\f\\r\\u0000\\u001f\u007f\"")]
    [InlineData("ö<>&'+\u2028\u2029\u00a0\ufeff😀", "\"ö<>&'+\u2028\u2029\u00a0\ufeff😀\"")]
    public void Strings_are_escaped_as_JavaScript_does(string value, string expected) => Assert.Equal(expected, JavaScriptJson.Write(value));

    [Fact]
    public void Halves_of_surrogate_pairs_are_escaped() =>
        Assert.Equal("\"\\ud83d|\\ude00|😀\\ude00|\\ud83d\"", JavaScriptJson.Write("\ud83d|\ude00|\ud83d\ude00\ude00|\ud83d"));

    [Theory]
    [InlineData("0")]
    [InlineData("10")]
    [InlineData("4294967295")]
    [InlineData("__proto__")]
    [InlineData("a")]
    public void Names_that_would_not_stay_in_place_are_refused(string name) =>
        Assert.Throws<ArgumentException>(() => new JavaScriptObject().Add("a", 1L).Add(name, "x"));

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public void Numbers_that_JSON_does_not_have_are_refused(double value) => Assert.Throws<ArgumentException>(() => new JavaScriptObject().Add("a", value));

    [Fact]
    public void Members_that_are_null_are_left_out_and_of_repeated_ones_the_last_counts()
    {
        Assert.Equal("{}", new JavaScriptObject().Add("a", (string?)null).Add("b", (long?)null).ToString());
        using var document = JsonDocument.Parse("""{"a":1.0,"b":null,"c":{"d":null,"e":[1E-05,"x\u00EF"]},"a":0.10}""");
        Assert.Equal("""{"a":0.1,"c":{"e":[0.00001,"xï"]}}""", JavaScriptJson.Write(document.RootElement));
        using var array = JsonDocument.Parse("[null]");
        Assert.Throws<ArgumentException>(() => JavaScriptJson.Write(array.RootElement));
    }

    /// <summary>Each input goes to Node in another notation than ours (everything escaped, numbers in 17 digits): what it makes of it must be our text, and our text must stay as it is.</summary>
    [NodeFact]
    public async Task Node_writes_the_same()
    {
        var random = new Random(Seed);
        var foreign = new List<string>(InputCount);
        var ours = new List<string>(InputCount);
        for (var i = 0; i < InputCount; i++)
        {
            var (theirs, own) = (i % 3) switch { 0 => RandomString(random), 1 => RandomNumber(random), _ => RandomObject(random, depth: 0) };
            foreign.Add(theirs);
            ours.Add(own);
        }

        var answers = await NodeAsync([.. foreign, .. ours]);

        Assert.Equal(2 * InputCount, answers.Count);
        for (var i = 0; i < InputCount; i++)
        {
            Assert.True(ours[i] == answers[i], $"input {i} (seed {Seed}): {foreign[i]} is {answers[i]} in Node, {ours[i]} here");
            Assert.True(ours[i] == answers[InputCount + i], $"input {i} (seed {Seed}): Node changes our {ours[i]} to {answers[InputCount + i]}");
        }
    }

    private static (string Foreign, string Ours) RandomString(Random random)
    {
        var value = RandomText(random);
        return (Escaped(value), JavaScriptJson.Write(value));
    }

    private static (string Foreign, string Ours) RandomNumber(Random random)
    {
        var value = RandomDouble(random);
        return (value.ToString("E16", CultureInfo.InvariantCulture), JavaScriptJson.Write(value));
    }

    private static (string Foreign, string Ours) RandomObject(Random random, int depth)
    {
        var foreign = new StringBuilder("{");
        var ours = new JavaScriptObject();
        for (var i = random.Next(5); i >= 0; i--)
        {
            var name = $"n{i}{RandomText(random)}";
            foreign.Append(foreign.Length > 1 ? " ,\t" : " ").Append(Escaped(name)).Append(" : ");
            switch (random.Next(depth < 3 ? 5 : 4))
            {
                case 0:
                    var text = RandomText(random);
                    foreign.Append(Escaped(text));
                    ours.Add(name, text);
                    break;
                case 1:
                    var number = RandomDouble(random);
                    foreign.Append(number.ToString("E16", CultureInfo.InvariantCulture));
                    ours.Add(name, number);
                    break;
                case 2:
                    foreign.Append("true");
                    ours.Add(name, true);
                    break;
                case 3:
                    var whole = random.NextInt64(long.MinValue, long.MaxValue) >> random.Next(64);
                    foreign.Append(whole.ToString(CultureInfo.InvariantCulture));
                    ours.Add(name, whole);
                    break;
                default:
                    var (theirs, inner) = RandomObject(random, depth + 1);
                    if (inner.Contains("\\ud", StringComparison.Ordinal)) (theirs, inner) = ("{ }", "{}"); // JsonElement knows no halves of pairs.
                    foreign.Append(theirs);
                    using (var document = JsonDocument.Parse(inner)) ours.Add(name, document.RootElement);
                    break;
            }
        }

        return (foreign.Append(" }").ToString(), ours.ToString());
    }

    private static string RandomText(Random random)
    {
        var text = new StringBuilder();
        for (var i = random.Next(12); i > 0; i--)
        {
            _ = random.Next(9) switch
            {
                0 => text.Append((char)random.Next(0x20)),
                1 => text.Append("\"\\/\u007f\u0080\u2028\u2029\u00a0\ufeff\uffff"[random.Next(10)]),
                2 => text.Append(char.ConvertFromUtf32(random.Next(0x10000, 0x110000))),
                3 when random.Next(3) == 0 => text.Append((char)random.Next(0xd800, 0xe000)),
                4 => text.Append((char)random.Next(0x80, 0xd800)),
                5 => text.Append((char)random.Next(0xe000, 0x10000)),
                _ => text.Append((char)random.Next(0x20, 0x7f)),
            };
        }

        return text.ToString();
    }

    private static double RandomDouble(Random random)
    {
        var value = random.Next(5) switch
        {
            0 => BitConverter.Int64BitsToDouble(random.NextInt64()),
            1 => random.Next(-1000, 1000) / 100.0,
            2 => Math.Pow(10, random.Next(-30, 30)) * random.Next(1, 100),
            3 => random.NextDouble() * Math.Pow(2, random.Next(-80, 80)),
            _ => BitConverter.Int64BitsToDouble(random.NextInt64(0x0020000000000000)), // subnormal
        };
        return double.IsFinite(value) ? value : 0;
    }

    private static string Escaped(string value) =>
        $"\"{string.Concat(value.Select(c => char.IsAsciiLetterOrDigit(c) ? c.ToString() : $"\\u{(int)c:X4}"))}\"";

    private static async Task<List<string>> NodeAsync(List<string> inputs)
    {
        using var timeout = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        var start = new ProcessStartInfo("node")
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            StandardInputEncoding = new UTF8Encoding(false),
            StandardOutputEncoding = new UTF8Encoding(false),
        };
        start.ArgumentList.Add("-e");
        start.ArgumentList.Add(
            "const lines=require('fs').readFileSync(0,'utf8').split('\\n');lines.pop();process.stdout.write(lines.map(l=>JSON.stringify(JSON.parse(l))+'\\n').join(''))");
        using var node = Process.Start(start)!;
        var output = node.StandardOutput.ReadToEndAsync(timeout.Token);
        foreach (var input in inputs) await node.StandardInput.WriteAsync($"{input}\n".AsMemory(), timeout.Token);
        node.StandardInput.Close();
        var lines = (await output).Split('\n');
        await node.WaitForExitAsync(timeout.Token);
        Assert.Equal(0, node.ExitCode);
        return [.. lines[..^1]];
    }
}
