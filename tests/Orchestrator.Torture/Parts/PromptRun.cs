using System.Globalization;
using System.Text;
using Orchestrator.Testing.Service;

namespace Orchestrator.Torture.Parts;

/// <summary>Prompts of every size with hostile content: what the agent reads on its standard input has the SHA-256 of what was sent, and its command line nothing of it.</summary>
/// <param name="Seed">The contents.</param>
/// <param name="Count">Prompts.</param>
/// <param name="AtOnce">Slots.</param>
internal sealed record PromptRun(int Seed, int Count, int AtOnce)
{
    private const string Agent =
        """
        sha=$(sha256sum)
        printf '%s %s\n' "$TASK_ID" "${sha%% *}" >>"$PLACE/shas.log"
        echo done
        """;

    private static readonly int[] Sizes = [1, 2, 100, 4_095, 4_096, 4_097, 16_384, 65_536, 131_073, 262_144];

    private static readonly string[] Pieces =
    [
        "$(touch pwned)", "`id`", "; rm -rf ~;", "\\", "'", "\"", "\n", "\r\n", "\t", "\u001b]0;x\u0007", "\u001b[2J", "#(id)", "#{pane_id}", "%d%s", "é", "😀", "\u2028", "\u0001", "\u007f", "EOF\n", "--help", "{\"type\":\"user\"}",
        "```json\n{}\n```", "&& false", "|cat", "> /tmp/x", "~", "*", "?", "!!", " ", "abc",
    ];

    public async Task RunAsync(TortureReport report)
    {
        await using var bed = await ServiceBed.StartAsync(
            Programs.Service, Agent, new Dictionary<string, string> { ["WORKER_CAPACITY"] = AtOnce.ToString(CultureInfo.InvariantCulture), ["WORKTREE_KEEP"] = "never" });
        var sent = new Dictionary<string, string>(StringComparer.Ordinal);
        for (var i = 0; i < Count; i++)
        {
            var prompt = Make(new Random(unchecked(Seed * 1000 + i)), Sizes[i % Sizes.Length]);
            sent[$"prompt-{i}"] = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(Encoding.UTF8.GetBytes(prompt)));
            await bed.SubmitAsync($"prompt-{i}", prompt);
        }

        for (var i = 0; i < Count; i++)
        {
            await bed.Service.WaitForEndAsync($"prompt-{i}", TimeSpan.FromMinutes(3));
            if ((i + 1) % 100 == 0) report.Say($"{i + 1} of {Count}");
        }

        var read = (await File.ReadAllLinesAsync(bed.Place.At("shas.log"))).Select(line => line.Split(' ')).ToLookup(parts => parts[0], parts => parts[1], StringComparer.Ordinal);
        foreach (var (id, sha) in sent) report.Require(read[id].SequenceEqual([sha]), "prompt", $"{id}: sent {sha}, read {string.Join(", ", read[id])}.", $"seed {Seed}");
        foreach (var violation in bed.Receiver.Violations) report.Add(new("callback", violation), $"seed {Seed}");
        report.Say($"seed {Seed}: {Count} prompts of 1 B to 256 KiB, {sent.Count(each => read[each.Key].SequenceEqual([each.Value]))} with the same SHA-256 at the agent, {report.Findings.Count} findings");
    }

    /// <summary>Exactly so many bytes of UTF-8.</summary>
    private static string Make(Random random, int bytes)
    {
        var text = new StringBuilder();
        var left = bytes;
        while (left > 0)
        {
            var piece = Pieces[random.Next(Pieces.Length)];
            var size = Encoding.UTF8.GetByteCount(piece);
            if (size > left) (piece, size) = ("x", 1);
            text.Append(piece);
            left -= size;
        }

        return text.ToString();
    }
}
