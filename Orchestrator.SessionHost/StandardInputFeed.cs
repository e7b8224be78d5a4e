using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Orchestrator.Contracts.Sessions;
using Orchestrator.Processes;

namespace Orchestrator.SessionHost;

/// <summary>
/// Hands prompt and follow-ups to the agent. Writes on a thread of its own: an agent that does not read must not hold up anything else, and one that closes its
/// input is no failure.
/// </summary>
internal sealed class StandardInputFeed : IDisposable
{
    private const string Acknowledged = ".done";
    private readonly SessionFolder _folder;
    private readonly SessionInput _input;
    private readonly SafeFileHandle _pipe;
    private readonly AutoResetEvent _wake = new(false);
    private volatile bool _isAnswered, _isOver;

    internal StandardInputFeed(SessionFolder folder, SessionInput input, SafeFileHandle pipe)
    {
        (_folder, _input, _pipe) = (folder, input, pipe);
        new Thread(Run, 256 * 1024) { IsBackground = true, Name = "stdin" }.Start();
    }

    /// <summary>Looks into the inbox, on the feed's own thread.</summary>
    internal void Look()
    {
        if (_input == SessionInput.StreamJson) _wake.Set();
    }

    /// <summary>The agent has answered what it was given so far.</summary>
    internal void Answered()
    {
        _isAnswered = true;
        _wake.Set();
    }

    public void Dispose()
    {
        _isOver = true;
        _wake.Set();
    }

    private void Run()
    {
        try
        {
            var prompt = File.ReadAllBytes(_folder.PathOf(SessionFiles.Prompt));
            if (_input == SessionInput.Text)
            {
                Write(prompt);
            }
            else
            {
                Write(UserMessage(prompt));
                HandOverInbox();
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ObjectDisposedException)
        {
            // The agent reads no more (EPIPE), the prompt is gone, or the session is over: it sees the end of its input.
        }
        finally
        {
            _pipe.Dispose();
        }
    }

    /// <summary>Returns when the agent has answered and there is nothing more to say.</summary>
    private void HandOverInbox()
    {
        while (!_isOver)
        {
            _wake.WaitOne();
            var messages = Inbox();
            foreach (var message in messages)
            {
                _isAnswered = false;
                Write(UserMessage(File.ReadAllBytes(message)));
                File.Move(message, message + Acknowledged, overwrite: true);
            }

            if (_isAnswered && messages.Length == 0) return;
        }
    }

    private string[] Inbox()
    {
        var inbox = _folder.PathOf(SessionFiles.Inbox);
        if (!Directory.Exists(inbox)) return [];
        var files = Directory.GetFiles(inbox, "*.txt");
        Array.Sort(files, StringComparer.Ordinal);
        return files;
    }

    /// <summary>A line of Claude Code's <c>--input-format stream-json</c>.</summary>
    private static byte[] UserMessage(ReadOnlySpan<byte> text)
    {
        using var line = new MemoryStream(text.Length + 128);
        line.Write("{\"type\":\"user\",\"message\":{\"role\":\"user\",\"content\":\""u8);
        JsonText.Escape(text, line.Write);
        line.Write("\"}}\n"u8);
        return line.ToArray();
    }

    private unsafe void Write(ReadOnlySpan<byte> bytes)
    {
        fixed (byte* start = bytes)
        {
            for (var written = 0; written < bytes.Length;)
            {
                var count = LibC.Write(_pipe, start + written, bytes.Length - written);
                if (count > 0) written += (int)count;
                else if (Marshal.GetLastPInvokeError() != LibC.Interrupted) throw LibC.Failure("write");
            }
        }
    }
}
