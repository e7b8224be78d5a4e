using System.Text;

namespace Orchestrator.SessionHost;

/// <summary>A file that takes so many bytes and then says that there was more. For any thread. A full disk loses text, and no more.</summary>
internal sealed class CappedFile(string path, long bytesMax) : IDisposable
{
    private readonly Lock _gate = new();
    private readonly FileStream _file = EventLog.Open(path);
    private long _written;
    private bool _isClosed;

    /// <summary>Whether nothing more is kept.</summary>
    internal bool IsFull => Interlocked.Read(ref _written) >= bytesMax;

    internal void Append(ReadOnlySpan<byte> bytes)
    {
        lock (_gate)
        {
            if (_isClosed || IsFull || bytes.IsEmpty) return;
            var kept = bytes[..(int)Math.Min(bytes.Length, bytesMax - _written)];
            TryWrite(kept);
            Interlocked.Add(ref _written, kept.Length);
            if (IsFull) TryWrite(Encoding.UTF8.GetBytes($"\n…[cut: no more than {bytesMax} bytes are kept]\n"));
        }
    }

    /// <summary>Adds a few bytes whether it is full or not.</summary>
    internal void AppendAlways(ReadOnlySpan<byte> bytes)
    {
        lock (_gate)
        {
            if (!_isClosed) TryWrite(bytes);
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _isClosed = true;
            _file.Dispose();
        }
    }

    private void TryWrite(ReadOnlySpan<byte> bytes)
    {
        try
        {
            _file.Write(bytes);
        }
        catch (IOException)
        {
            // Disk full.
        }
    }
}
