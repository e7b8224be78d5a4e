using Orchestrator.Contracts.Sessions;
using Orchestrator.Interfaces.Machines;

namespace Orchestrator.Silo.Agents.Output;

/// <summary>Reads the output of a program that just prints text: the exit code tells how it went, the last lines are its summary.</summary>
/// <param name="limits">How it says that its account's usage limit is reached; counts only when it failed.</param>
internal sealed class TextOutput(UsageLimitRule limits) : IAgentOutputReader
{
    /// <summary>Longest summary.</summary>
    public const int SummaryCharsMax = 2000;

    /// <summary>How much of the end is kept, to find a result block in.</summary>
    private const int TailCharsMax = 256 * 1024;

    /// <summary>Where a failure is looked for.</summary>
    private const int LastLinesMax = 20, LastLineCharsMax = 500;

    private readonly Queue<string> _tail = new();
    private int _tailChars;
    private readonly Queue<string> _lastLines = new();
    private bool _hasOutput;
    private long _lastAt;

    public void Add(SessionEvent line)
    {
        if (line.Source is not ("out" or "err")) return;
        _hasOutput = _hasOutput || !string.IsNullOrWhiteSpace(line.Text);
        _lastAt = line.At;
        _lastLines.Enqueue(line.Text.Length > LastLineCharsMax ? line.Text[..LastLineCharsMax] : line.Text);
        if (_lastLines.Count > LastLinesMax) _lastLines.Dequeue();
        if (line.Source != "out") return;
        // Of a line that alone is longer than the tail, its end.
        var text = line.Text.Length > TailCharsMax ? line.Text[^TailCharsMax..] : line.Text;
        _tail.Enqueue(text);
        _tailChars += text.Length + 1;
        while (_tailChars > TailCharsMax && _tail.Count > 1) _tailChars -= _tail.Dequeue().Length + 1;
    }

    public AgentWords End()
    {
        var words = string.Join('\n', _lastLines);
        var limit = limits.Match(status: null, words, DateTimeOffset.FromUnixTimeMilliseconds(_lastAt));
        var report = new AgentReport
        {
            HasOutput = _hasOutput,
            HasResult = true,
            IsError = false,
            ErrorKind = limit is null ? AgentErrorKind.None : AgentErrorKind.UsageLimit,
            ErrorMessage = limit is null ? null : Summaries.Make(words, SummaryCharsMax, isTail: true),
            LimitResetsAt = limit?.ResetsAt,
        };
        return new(report, _tail.Count == 0 ? null : string.Join('\n', _tail), SummaryCharsMax, SummaryIsTail: true);
    }
}
