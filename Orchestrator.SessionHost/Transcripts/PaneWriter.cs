using System.Runtime.InteropServices;
using Orchestrator.Processes;

namespace Orchestrator.SessionHost;

/// <summary>
/// Shows text in the pane, if it can be shown: a pane that is stopped (^S), slow or gone must not hold up the agent. What does not fit into the buffer is dropped.
/// </summary>
internal sealed class PaneWriter
{
    private const int BufferBytes = 256 * 1024, StandardOutput = 1;
    private readonly object _gate = new();
    private byte[] _filling = new byte[BufferBytes], _writing = new byte[BufferBytes];
    private int _filled;
    private bool _isDropping, _isGone, _isBusy;

    internal PaneWriter() => new Thread(Run, 128 * 1024) { IsBackground = true, Name = "pane" }.Start();

    internal void Write(ReadOnlySpan<byte> text)
    {
        lock (_gate)
        {
            if (_isGone || text.IsEmpty) return;
            if (text.Length > BufferBytes - _filled)
            {
                _isDropping = true;
                return;
            }

            text.CopyTo(_filling.AsSpan(_filled));
            _filled += text.Length;
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Waits until all is shown, at most for that long.</summary>
    internal void Drain(TimeSpan timeout)
    {
        lock (_gate)
        {
            while ((_filled > 0 || _isBusy) && !_isGone && Monitor.Wait(_gate, timeout))
            {
                // Until nothing is left, or nothing moves any more.
            }
        }
    }

    /// <summary>Writes on the calling thread, for a last word before the end.</summary>
    internal static unsafe bool TryWriteNow(ReadOnlySpan<byte> text)
    {
        fixed (byte* start = text)
        {
            for (var written = 0; written < text.Length;)
            {
                var count = LibC.Write(StandardOutput, start + written, text.Length - written);
                if (count > 0) written += (int)count;
                else if (Marshal.GetLastPInvokeError() != LibC.Interrupted) return false;
            }
        }

        return true;
    }

    private void Run()
    {
        while (true)
        {
            int count;
            bool isCut;
            lock (_gate)
            {
                _isBusy = false;
                Monitor.PulseAll(_gate);
                while (_filled == 0) Monitor.Wait(_gate);
                (_filling, _writing) = (_writing, _filling);
                (count, _filled, isCut, _isDropping, _isBusy) = (_filled, 0, _isDropping, false, true);
            }

            if (TryWriteNow(_writing.AsSpan(0, count)) && (!isCut || TryWriteNow("…[too fast to show; the transcript has more]\n"u8))) continue;
            lock (_gate)
            {
                _isGone = true;
                Monitor.PulseAll(_gate);
                return;
            }
        }
    }
}
