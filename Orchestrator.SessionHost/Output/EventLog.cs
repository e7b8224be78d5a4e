using System.Buffers.Text;
using System.Text;
using Orchestrator.Contracts.Sessions;

namespace Orchestrator.SessionHost;

/// <summary>
/// Writes <see cref="SessionFiles.Events"/>: each line as a <see cref="SessionEvent"/>, up to <see cref="SessionLaunch.OutputBytesMax"/> of file; what comes after is counted.
/// For any thread. A full disk loses lines, and no more.
/// </summary>
internal sealed class EventLog(string path, long bytesMax) : IDisposable
{
    private const int BufferBytes = 64 * 1024, HeaderBytesMax = 96, ResultBytesMax = 4 * 1024 * 1024;
    private readonly Lock _gate = new();
    private readonly FileStream _file = Open(path);
    private readonly byte[] _buffer = new byte[BufferBytes];
    private int _buffered;
    private long _number, _written, _cut;
    private bool _isFull, _isTorn, _isClosed;

    /// <summary>Whether nothing more is kept.</summary>
    internal bool IsFull => Volatile.Read(ref _isFull);

    /// <summary>Bytes of output that were not kept.</summary>
    internal long BytesCut => Interlocked.Read(ref _cut);

    internal static FileStream Open(string path) => new(path, new FileStreamOptions
    {
        Mode = FileMode.Create,
        Access = FileAccess.Write,
        Share = FileShare.ReadWrite,
        BufferSize = 0,
        UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
    });

    /// <summary>Adds a line.</summary>
    /// <param name="source">As <see cref="SessionEvent.Source"/>.</param>
    /// <param name="line">Without its end.</param>
    /// <param name="cutBytes">How much more it had.</param>
    /// <param name="isResult">Whether it says how the agent's turn ended: there is room for those when nothing else is kept any more, as without them done work would count as none.</param>
    internal void Append(string source, ReadOnlySpan<byte> line, long cutBytes, bool isResult)
    {
        lock (_gate)
        {
            // A process that outlived the session's end may still write.
            if (_isClosed) return;
            var fits = _written + line.Length + HeaderBytesMax <= (isResult ? bytesMax + ResultBytesMax : bytesMax);
            if (fits && (isResult || !_isFull))
            {
                Interlocked.Add(ref _cut, cutBytes);
                Write(source, line, cutBytes);
                return;
            }

            Interlocked.Add(ref _cut, line.Length + cutBytes + 1);
            if (_isFull) return;
            Volatile.Write(ref _isFull, true);
            Write("host", Encoding.UTF8.GetBytes($"The output is longer than {bytesMax} bytes: what comes from here on is counted and not kept, but for results."), 0);
        }
    }

    /// <summary>Adds a remark of the host's. These are few and always kept.</summary>
    internal void Remark(string text)
    {
        lock (_gate)
        {
            if (_isClosed) return;
            Write("host", Encoding.UTF8.GetBytes(text), 0);
            Flush();
        }
    }

    /// <summary>Counts output that is not even looked at. Only when <see cref="IsFull"/>.</summary>
    internal void CountCut(long bytes) => Interlocked.Add(ref _cut, bytes);

    /// <summary>Hands what is buffered to the system.</summary>
    internal void Flush()
    {
        lock (_gate)
        {
            if (_buffered == 0 || _isClosed) return;
            try
            {
                if (_isTorn) _file.Write("\n"u8);
                _isTorn = false;
                _file.Write(_buffer.AsSpan(0, _buffered));
            }
            catch (IOException)
            {
                // Disk full: the agent goes on. The next line that fits starts on a line of its own.
                _isTorn = true;
                Interlocked.Add(ref _cut, _buffered);
            }

            _buffered = 0;
        }
    }

    /// <summary>The text that stands for what was cut of a line.</summary>
    internal static string CutMarker(long bytes) => $"…[cut: {bytes} bytes of this line are not kept]";

    /// <summary>Puts it on the disk and closes it.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_isClosed) return;
            Flush();
            _isClosed = true;
            try
            {
                _file.Flush(flushToDisk: true);
            }
            catch (IOException)
            {
                // As in Flush.
            }

            _file.Dispose();
        }
    }

    private void Write(string source, ReadOnlySpan<byte> line, long cutBytes)
    {
        Put("{\"n\":"u8);
        Put(++_number);
        Put(",\"at\":"u8);
        Put(TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds());
        Put(",\"s\":\""u8);
        Put(Encoding.UTF8.GetBytes(source));
        Put("\",\"t\":\""u8);
        JsonText.Escape(line, Put);
        if (cutBytes > 0) Put(Encoding.UTF8.GetBytes(CutMarker(cutBytes)));
        Put("\"}\n"u8);
    }

    private void Put(long number)
    {
        Span<byte> digits = stackalloc byte[20];
        Utf8Formatter.TryFormat(number, digits, out var length);
        Put(digits[..length]);
    }

    private void Put(ReadOnlySpan<byte> bytes)
    {
        _written += bytes.Length;
        while (!bytes.IsEmpty)
        {
            if (_buffered == BufferBytes) Flush();
            var count = Math.Min(bytes.Length, BufferBytes - _buffered);
            bytes[..count].CopyTo(_buffer.AsSpan(_buffered));
            _buffered += count;
            bytes = bytes[count..];
        }
    }
}
