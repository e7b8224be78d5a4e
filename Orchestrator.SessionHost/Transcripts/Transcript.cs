using System.Text;
using Orchestrator.Contracts.Sessions;

namespace Orchestrator.SessionHost;

/// <summary>What a person reads: in the pane, and in <see cref="SessionFiles.Transcript"/>. For any thread.</summary>
internal sealed class Transcript(string path) : IDisposable
{
    private const int BytesMax = 8 * 1024 * 1024, FlushBytes = 32 * 1024;
    private readonly Lock _gate = new();
    private readonly CappedFile _file = new(path, BytesMax);
    private readonly PaneWriter _pane = new();
    private readonly StringBuilder _text = new();
    private byte[] _bytes = new byte[FlushBytes];

    /// <summary>Whether nothing more is kept.</summary>
    internal bool IsFull => _file.IsFull;

    /// <summary>Adds a line of a program's output, rendered for reading.</summary>
    internal void Line(ReadOnlySpan<byte> line, long cutBytes)
    {
        if (IsFull) return;
        lock (_gate)
        {
            TranscriptLine.Render(line, cutBytes, _text);
            if (_text.Length > FlushBytes) Flush();
        }
    }

    /// <summary>Adds something that the host has to say.</summary>
    internal void Remark(string text)
    {
        lock (_gate)
        {
            Flush();
            var line = new StringBuilder("— ");
            PlainText.Append(text, line);
            var bytes = Encoding.UTF8.GetBytes(line.Append('\n').ToString());
            _file.AppendAlways(bytes);
            _pane.Write(bytes);
        }
    }

    /// <summary>Hands what is buffered to file and pane.</summary>
    internal void Flush()
    {
        lock (_gate)
        {
            if (_text.Length == 0) return;
            var length = 0;
            foreach (var chunk in _text.GetChunks())
            {
                var needs = length + Encoding.UTF8.GetMaxByteCount(chunk.Length);
                if (_bytes.Length < needs) Array.Resize(ref _bytes, needs);
                length += Encoding.UTF8.GetBytes(chunk.Span, _bytes.AsSpan(length));
            }

            _text.Clear();
            _file.Append(_bytes.AsSpan(0, length));
            _pane.Write(_bytes.AsSpan(0, length));
        }
    }

    public void Dispose()
    {
        Flush();
        _file.Dispose();
        _pane.Drain(TimeSpan.FromMilliseconds(100));
    }
}
