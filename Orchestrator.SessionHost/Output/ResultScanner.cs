using System.Buffers;

namespace Orchestrator.SessionHost;

/// <summary>
/// Finds lines that are a JSON object with <c>"type":"result"</c> at its top, wherever that stands and however long the line is, without keeping it: that a line is too long
/// to be kept must not leave the agent waiting for its end.
/// </summary>
internal sealed class ResultScanner
{
    private static readonly SearchValues<byte> Structure = SearchValues.Create("\"{}[]:,"u8);
    private readonly byte[] _text = new byte[8];
    private int _textLength, _depth;
    private bool _isBegun, _isOther, _isInString, _isEscaped, _isCaptured, _isValue, _isTypeKey, _isResult;

    internal void Feed(ReadOnlySpan<byte> bytes)
    {
        if (!_isBegun)
        {
            bytes = bytes.TrimStart(" \t"u8);
            if (bytes.IsEmpty) return;
            (_isBegun, _isOther) = (true, bytes[0] != (byte)'{');
        }

        while (!bytes.IsEmpty && !_isOther) bytes = _isInString ? InString(bytes) : Between(bytes);
    }

    /// <summary>Whether the line that ends here is a result.</summary>
    internal bool EndLine()
    {
        var isResult = _isResult && _depth == 0;
        (_textLength, _depth) = (0, 0);
        _isBegun = _isOther = _isInString = _isEscaped = _isCaptured = _isValue = _isTypeKey = _isResult = false;
        return isResult;
    }

    private ReadOnlySpan<byte> InString(ReadOnlySpan<byte> bytes)
    {
        if (_isEscaped)
        {
            (_isEscaped, _isCaptured) = (false, false);
            return bytes[1..];
        }

        var end = bytes.IndexOfAny((byte)'"', (byte)'\\');
        Capture(end < 0 ? bytes : bytes[..end]);
        if (end < 0) return default;
        if (bytes[end] == (byte)'\\') _isEscaped = true;
        else EndString();
        return bytes[(end + 1)..];
    }

    private ReadOnlySpan<byte> Between(ReadOnlySpan<byte> bytes)
    {
        var next = bytes.IndexOfAny(Structure);
        if (next < 0) return default;
        switch (bytes[next])
        {
            case (byte)'"':
                (_isInString, _isCaptured, _textLength) = (true, _depth == 1, 0);
                break;
            case (byte)'{' or (byte)'[':
                _depth++;
                break;
            case (byte)'}' or (byte)']':
                _depth--;
                break;
            case (byte)':' when _depth == 1:
                _isValue = true;
                break;
            case (byte)',' when _depth == 1:
                (_isValue, _isTypeKey) = (false, false);
                break;
        }

        return bytes[(next + 1)..];
    }

    private void Capture(ReadOnlySpan<byte> bytes)
    {
        if (!_isCaptured) return;
        _isCaptured = bytes.Length <= _text.Length - _textLength;
        if (!_isCaptured) return;
        bytes.CopyTo(_text.AsSpan(_textLength));
        _textLength += bytes.Length;
    }

    private void EndString()
    {
        _isInString = false;
        if (_depth != 1) return;
        var text = _isCaptured ? _text.AsSpan(0, _textLength) : default;
        if (!_isValue) _isTypeKey = text.SequenceEqual("type"u8);
        else if (_isTypeKey) _isResult = text.SequenceEqual("result"u8);
    }
}
