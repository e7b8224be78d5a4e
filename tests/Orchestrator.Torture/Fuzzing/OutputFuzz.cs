using System.Text.Json;
using Orchestrator.Contracts.Sessions;
using Orchestrator.Silo.Agents;
using Orchestrator.Silo.Agents.Output;

namespace Orchestrator.Torture.Fuzzing;

/// <summary>What agents print: whatever it is, reading it is no error, and what comes of it fits what we store and send.</summary>
internal static class OutputFuzz
{
    private static readonly string[] Lines =
    [
        """{"type":"system","subtype":"init","session_id":"6b1f","model":"m"}""",
        """{"type":"assistant","message":{"id":"a","role":"assistant","content":[{"type":"text","text":"I am done.\n```json\n{\"prUrl\":\"https://x\"}\n```"}],"usage":{"input_tokens":10,"output_tokens":5,"cache_read_input_tokens":1}}}""",
        """{"type":"assistant","isApiErrorMessage":true,"error":"overloaded","message":{"content":[{"type":"text","text":"API Error: 529"}]}}""",
        """{"type":"result","subtype":"success","is_error":false,"result":"All right","session_id":"6b1f","num_turns":3,"total_cost_usd":0.12,"usage":{"input_tokens":10,"output_tokens":5},"permission_denials":[]}""",
        """{"type":"result","subtype":"error_max_turns","is_error":true,"num_turns":9,"total_cost_usd":1e300,"errors":["x"]}""",
        "plain text, and a fence ```json {\"a\":1} ```", "", "null", "[]", "\"result\"",
    ];

    private static readonly UsageLimitRule Limits = new(["usage limit.{0,40}reset(s)? (at )?(?<reset>.+)"]);

    public static string? TryReaders(Random random)
    {
        IAgentOutputReader[] readers = [new StreamJsonOutput(Limits), new TextOutput(Limits)];
        for (var left = random.Next(6); left >= 0; left--)
        {
            var line = new SessionEvent { Number = 1, At = 0, Source = random.Next(5) == 0 ? "err" : "out", Text = Mutations.Spoil(Lines[random.Next(Lines.Length)], random) };
            foreach (var reader in readers) reader.Add(line);
        }

        foreach (var reader in readers)
        {
            var words = reader.End();
            if (words.Report.Usage.CostUsd is { } cost && !double.IsFinite(cost)) return $"a cost of {cost}";
            if (words.Report.ErrorMessage is { Length: > 5000 }) return "an endless message";
            if (words.Report is { HasResult: false, IsError: true }) return "an error without a result";
        }

        return null;
    }

    public static string? TryBlocks(Random random)
    {
        var text = Mutations.Spoil("Done.\n```json\n{\"prUrl\":\"https://x\",\"n\":[1]}\n```\nBye ``` x\n````orchestrator-result\n{}\n````", random);
        var (rest, block) = ResultBlock.Split(text);
        if (block is { ValueKind: not JsonValueKind.Object }) return $"a block that is no object in {text}";
        return rest is null || rest.Length > text.Length ? $"text that grew out of {text}" : null;
    }
}
