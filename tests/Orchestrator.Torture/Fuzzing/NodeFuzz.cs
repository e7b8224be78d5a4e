using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Orchestrator.Contracts.Callbacks;
using Orchestrator.Testing;

namespace Orchestrator.Torture.Fuzzing;

/// <summary>The writer of callbacks against the real thing: what Node makes of a value is what we write, and Node leaves that as it is.</summary>
internal static class NodeFuzz
{
    private const int Batch = 50_000;
    private const string Script =
        "const lines=require('fs').readFileSync(0,'utf8').split('\\n');lines.pop();process.stdout.write(lines.map(l=>JSON.stringify(JSON.parse(l))+'\\n').join(''))";

    /// <summary>Whether Node is here.</summary>
    public static bool IsHere => InstalledProgram.WhyMissing("node") is null;

    /// <returns>What was found first; null: nothing.</returns>
    public static async Task<string?> RunAsync(int seed, int count, Action<int>? progress = null)
    {
        for (var done = 0; done < count; done += Batch)
        {
            progress?.Invoke(done);
            var batchSeed = unchecked(seed * 31 + done);
            if (await RunBatchAsync(new Random(batchSeed), Math.Min(Batch, count - done)) is { } wrong) return $"callback-writer, seed {batchSeed}: {wrong}";
        }

        return null;
    }

    private static async Task<string?> RunBatchAsync(Random random, int count)
    {
        var inputs = Enumerable.Range(0, count).Select(_ => Make(random, 0)).ToList();
        var answers = await NodeAsync([.. inputs.Select(input => input.Foreign), .. inputs.Select(input => input.Ours)]);
        for (var i = 0; i < count; i++)
        {
            if (answers[i] != inputs[i].Ours) return $"{inputs[i].Foreign} is {answers[i]} in Node, {inputs[i].Ours} here";
            if (answers[count + i] != inputs[i].Ours) return $"Node changes our {inputs[i].Ours} to {answers[count + i]}";
        }

        return null;
    }

    /// <summary>A value in a notation that is not ours (all escaped, 17 digits), and as we write it.</summary>
    private static (string Foreign, string Ours) Make(Random random, int depth)
    {
        switch (random.Next(depth < 3 ? 5 : 3))
        {
            case 0:
                var text = Text(random);
                return (Escaped(text), JavaScriptJson.Write(text));
            case 1:
                var number = Number(random);
                return (number.ToString("E16", CultureInfo.InvariantCulture), JavaScriptJson.Write(number));
            case 2:
                return random.Next(2) == 0 ? ("true", "true") : ("false", "false");
            case 3:
                var items = Enumerable.Range(0, random.Next(4)).Select(_ => Make(random, depth + 1)).ToList();
                return ($"[ {string.Join(" , ", items.Select(item => item.Foreign))} ]", $"[{string.Join(',', items.Select(item => item.Ours))}]");
            default:
                return MakeObject(random, depth);
        }
    }

    private static (string Foreign, string Ours) MakeObject(Random random, int depth)
    {
        var (foreign, ours) = (new List<string>(), new JavaScriptObject());
        for (var i = random.Next(5); i >= 0; i--)
        {
            var name = $"n{i}{Text(random)}";
            var (theirs, inner) = Make(random, depth + 1);
            if (inner.Contains("\\ud", StringComparison.Ordinal)) (theirs, inner) = ("{ }", "{}"); // JsonElement knows no halves of pairs.
            foreign.Add($"{Escaped(name)} : {theirs}");
            using var document = JsonDocument.Parse(inner);
            ours.Add(name, document.RootElement);
        }

        return ($"{{ {string.Join(" ,\t", foreign)} }}", ours.ToString());
    }

    private static string Text(Random random)
    {
        var text = new StringBuilder();
        for (var i = random.Next(12); i > 0; i--)
        {
            _ = random.Next(8) switch
            {
                0 => text.Append((char)random.Next(0x20)),
                1 => text.Append("\"\\/\u007f\u0080\u2028\u2029\u00a0\ufeff\uffff"[random.Next(10)]),
                2 => text.Append(char.ConvertFromUtf32(random.Next(0x10000, 0x110000))),
                3 when random.Next(3) == 0 => text.Append((char)random.Next(0xd800, 0xe000)),
                4 => text.Append((char)random.Next(0x80, 0xd800)),
                _ => text.Append((char)random.Next(0x20, 0x7f)),
            };
        }

        return text.ToString();
    }

    private static double Number(Random random)
    {
        var value = random.Next(4) switch
        {
            0 => BitConverter.Int64BitsToDouble(random.NextInt64()),
            1 => random.Next(-1000, 1000) / 100.0,
            2 => Math.Pow(10, random.Next(-30, 30)) * random.Next(1, 100),
            _ => BitConverter.Int64BitsToDouble(random.NextInt64(0x0020000000000000)), // subnormal
        };
        return double.IsFinite(value) ? value : 0;
    }

    private static string Escaped(string value) => $"\"{string.Concat(value.Select(c => char.IsAsciiLetterOrDigit(c) ? c.ToString() : $"\\u{(int)c:X4}"))}\"";

    private static async Task<string[]> NodeAsync(IReadOnlyList<string> inputs)
    {
        var start = new ProcessStartInfo("node", ["-e", Script])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            StandardInputEncoding = new UTF8Encoding(false),
            StandardOutputEncoding = new UTF8Encoding(false),
        };
        using var node = Process.Start(start)!;
        var output = node.StandardOutput.ReadToEndAsync();
        foreach (var input in inputs) await node.StandardInput.WriteAsync($"{input}\n");
        node.StandardInput.Close();
        var lines = (await output).Split('\n');
        await node.WaitForExitAsync();
        return lines;
    }
}
