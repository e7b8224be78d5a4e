using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Orchestrator.Processes;

namespace Orchestrator.SessionHost;

/// <summary>Reads a pipe on a thread of its own until every process that holds its other end is gone.</summary>
internal sealed class OutputPump
{
    /// <summary>Takes what is read; an empty span at the end.</summary>
    internal delegate void Sink(ReadOnlySpan<byte> bytes);

    private readonly Thread _thread;
    private volatile bool _hasEnded;

    internal OutputPump(SafeFileHandle pipe, string name, Sink sink)
    {
        _thread = new Thread(() => Run(pipe, sink), 256 * 1024) { IsBackground = true, Name = name };
        _thread.Start();
    }

    internal bool HasEnded => _hasEnded;

    /// <summary>Waits for the end, at most for that long.</summary>
    internal bool WaitForEnd(TimeSpan timeout) => _thread.Join(timeout);

    private unsafe void Run(SafeFileHandle pipe, Sink sink)
    {
        const int ChunkBytes = 64 * 1024;
        var chunk = new byte[ChunkBytes];
        try
        {
            fixed (byte* start = chunk)
            {
                while (true)
                {
                    var count = LibC.Read(pipe, start, ChunkBytes);
                    if (count > 0) Hand(chunk.AsSpan(0, (int)count), sink);
                    else if (count == 0 || Marshal.GetLastPInvokeError() != LibC.Interrupted) break;
                }
            }
        }
        catch (ObjectDisposedException)
        {
            // The session is over, and a process that outlived it still holds the other end.
        }

        Hand(default, sink);
        _hasEnded = true;
    }

    /// <summary>Whatever is wrong with what an agent prints: it is read on, so that the agent is not held up, and this thread must not take the host with it.</summary>
    private static void Hand(ReadOnlySpan<byte> bytes, Sink sink)
    {
        try
        {
            sink(bytes);
        }
        catch (Exception)
        {
            // These lines are lost.
        }
    }
}
