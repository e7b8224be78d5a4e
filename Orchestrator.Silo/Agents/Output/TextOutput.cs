using Orchestrator.Contracts.Sessions;

namespace Orchestrator.Silo.Agents.Output;

/// <summary>Reads the output of a program that just prints text: the exit code tells how it went, the last lines are its summary.</summary>
internal sealed class TextOutput : IAgentOutputReader
{
    /// <summary>Longest summary.</summary>
    public const int SummaryCharsMax = 2000;

    /// <summary>How much of the end is kept, to find a result block in.</summary>
    private const int TailCharsMax = 256 * 1024;

    private readonly Queue<string> _tail = new();
    private int _tailChars;
    private bool _hasOutput;

    public void Add(SessionEvent line)
    {
        if (line.Source is not ("out" or "err")) return;
        _hasOutput = _hasOutput || !string.IsNullOrWhiteSpace(line.Text);
        if (line.Source != "out") return;
        // Of a line that alone is longer than the tail, its end.
        var text = line.Text.Length > TailCharsMax ? line.Text[^TailCharsMax..] : line.Text;
        _tail.Enqueue(text);
        _tailChars += text.Length + 1;
        while (_tailChars > TailCharsMax && _tail.Count > 1) _tailChars -= _tail.Dequeue().Length + 1;
    }

    public AgentWords End() =>
        new(new() { HasOutput = _hasOutput, HasResult = true, IsError = false }, _tail.Count == 0 ? null : string.Join('\n', _tail), SummaryCharsMax, SummaryIsTail: true);
}
