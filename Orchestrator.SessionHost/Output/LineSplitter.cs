namespace Orchestrator.SessionHost;

/// <summary>Takes lines.</summary>
internal interface ILineSink
{
    /// <summary>A line without its end. The bytes are the caller's again afterwards.</summary>
    /// <param name="line">At most as long as lines may be.</param>
    /// <param name="cutBytes">How much more it had.</param>
    /// <param name="isResult">Whether it says how the agent's turn ended.</param>
    void Line(ReadOnlySpan<byte> line, long cutBytes, bool isResult);
}

/// <summary>Cuts a stream into lines and keeps no more of one than is allowed, however long it is.</summary>
internal sealed class LineSplitter(int lineBytesMax, ILineSink sink, ResultScanner? results, Action? onResult)
{
    private byte[] _line = [];
    private int _length;
    private long _cut;

    internal void Feed(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            var end = bytes.IndexOf((byte)'\n');
            if (end < 0)
            {
                Add(bytes);
                return;
            }

            if (_length == 0 && _cut == 0 && end <= lineBytesMax) EndOf(bytes[..end]);
            else
            {
                Add(bytes[..end]);
                EndOf(default);
            }

            bytes = bytes[(end + 1)..];
        }
    }

    /// <summary>The stream is over: its last line may lack an end.</summary>
    internal void End()
    {
        if (_length > 0 || _cut > 0) EndOf(default);
    }

    private void Add(ReadOnlySpan<byte> bytes)
    {
        results?.Feed(bytes);
        var kept = bytes[..Math.Min(bytes.Length, lineBytesMax - _length)];
        if (_line.Length < _length + kept.Length)
            Array.Resize(ref _line, Math.Min(lineBytesMax, Math.Max(_length + kept.Length, _line.Length * 2)));
        kept.CopyTo(_line.AsSpan(_length));
        _length += kept.Length;
        _cut += bytes.Length - kept.Length;
    }

    private void EndOf(ReadOnlySpan<byte> whole)
    {
        if (_length == 0 && _cut == 0) results?.Feed(whole);
        else whole = Kept();
        var isResult = results?.EndLine() ?? false;
        sink.Line(whole is [.. var text, (byte)'\r'] && _cut == 0 ? text : whole, _cut, isResult);
        (_length, _cut) = (0, 0);
        if (isResult) onResult?.Invoke();
    }

    /// <summary>A character that was cut through goes whole.</summary>
    private ReadOnlySpan<byte> Kept()
    {
        var kept = _line.AsSpan(0, _length);
        if (_cut == 0) return kept;
        var end = kept.Length;
        for (var back = 1; back <= Math.Min(3, kept.Length); back++)
        {
            var value = kept[^back];
            if ((value & 0xC0) == 0x80) continue;
            var needs = value >= 0xF0 ? 4 : value >= 0xE0 ? 3 : value >= 0xC0 ? 2 : 1;
            if (needs > back) end = kept.Length - back;
            break;
        }

        _cut += kept.Length - end;
        return kept[..end];
    }
}
