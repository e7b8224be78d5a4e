using Orchestrator.Contracts.Sessions;
using Orchestrator.Processes;

namespace Orchestrator.SessionHost;

/// <summary>Where the output of the session's programs goes: events, transcript with pane, and standard error's own file.</summary>
internal sealed class SessionOutput : IDisposable
{
    private const int StandardErrorBytesMax = 8 * 1024 * 1024;
    private static readonly TimeSpan LifeInterval = TimeSpan.FromSeconds(0.5);
    private readonly string _eventsPath;
    private readonly SessionLaunch _launch;
    private readonly EventLog _events;
    private readonly Transcript _transcript;
    private readonly CappedFile _standardError;
    private readonly List<ChildProcess> _kept = [];
    private long _lifeShownAt;
    private bool _isDisposed;

    internal SessionOutput(SessionFolder folder, SessionLaunch launch)
    {
        _launch = launch;
        _eventsPath = folder.PathOf(SessionFiles.Events);
        _events = new EventLog(_eventsPath, launch.OutputBytesMax);
        _transcript = new Transcript(folder.PathOf(SessionFiles.Transcript));
        _standardError = new CappedFile(folder.PathOf(SessionFiles.StandardError), StandardErrorBytesMax);
        _transcript.Remark($"Task {launch.TaskId}, run {launch.Run}, attempt {launch.Attempt}, in {launch.WorkingDirectory}");
    }

    internal long BytesCut => _events.BytesCut;

    /// <summary>Reads both streams of a program.</summary>
    /// <param name="child">The program.</param>
    /// <param name="outSource">Whose lines its standard output's are.</param>
    /// <param name="errorSource">Whose lines its standard error's are.</param>
    /// <param name="feed">Told about results; null: nobody is.</param>
    internal OutputPump[] Follow(ChildProcess child, string outSource, string errorSource, StandardInputFeed? feed = null)
    {
        var isWatched = feed is not null && _launch.Input == SessionInput.StreamJson;
        var lines = new LineSplitter(_launch.LineBytesMax, new Sink(this, outSource), isWatched ? new ResultScanner() : null, feed is null ? null : feed.Answered);
        var errorLines = new LineSplitter(_launch.LineBytesMax, new Sink(this, errorSource), null, null);
        return
        [
            new OutputPump(child.StandardOutput, outSource, bytes => Take(bytes, lines, mustLook: isWatched)),
            new OutputPump(child.StandardError, errorSource, bytes =>
            {
                _standardError.Append(bytes);
                Take(bytes, errorLines, mustLook: false);
            }),
        ];
    }

    /// <summary>Keeps a program's pipes open until the end, because what it left running still writes there.</summary>
    internal void Keep(ChildProcess child) => _kept.Add(child);

    /// <summary>Something that the host has to say.</summary>
    internal void Remark(string text)
    {
        _events.Remark(text);
        _transcript.Remark(text);
    }

    internal void Finish(SessionExit exit)
    {
        if (_events.BytesCut > 0) _events.Remark($"{_events.BytesCut} bytes of output are not kept.");
        var how = exit.ExitCode is { } code ? $"exit code {code}" : exit.Signal is { } signal ? Signals.NameOf(signal) : "nothing ran";
        Remark(exit.Message is null ? $"The session has ended: {how}." : $"The session has ended: {exit.Message}");
        Dispose();
    }

    /// <summary>Waits for all of them together.</summary>
    internal static void WaitForEnd(OutputPump[] pumps, TimeSpan timeout)
    {
        var startedAt = TimeProvider.System.GetTimestamp();
        foreach (var pump in pumps)
        {
            var left = timeout - TimeProvider.System.GetElapsedTime(startedAt);
            pump.WaitForEnd(left > TimeSpan.Zero ? left : TimeSpan.Zero);
        }
    }

    public void Dispose()
    {
        if (_isDisposed) return;
        _isDisposed = true;
        _events.Dispose();
        _transcript.Dispose();
        _standardError.Dispose();
        foreach (var child in _kept) child.Dispose();
    }

    private void Take(ReadOnlySpan<byte> bytes, LineSplitter lines, bool mustLook)
    {
        if (bytes.IsEmpty) lines.End();
        else if (_events.IsFull && _transcript.IsFull && !mustLook) _events.CountCut(bytes.Length);
        else lines.Feed(bytes);
        _events.Flush();
        _transcript.Flush();
        if (!bytes.IsEmpty) ShowLife();
    }

    /// <summary>
    /// Whoever watches the session looks at the time of the events' file. What is printed without an end of line, or beyond what is kept, does not get there and is a sign of life
    /// all the same.
    /// </summary>
    private void ShowLife()
    {
        var (last, now) = (Interlocked.Read(ref _lifeShownAt), TimeProvider.System.GetTimestamp());
        if (last != 0 && TimeProvider.System.GetElapsedTime(last, now) < LifeInterval) return;
        Interlocked.Exchange(ref _lifeShownAt, now);
        try
        {
            File.SetLastWriteTimeUtc(_eventsPath, TimeProvider.System.GetUtcNow().UtcDateTime);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // The folder is gone, or the disk is broken: the agent goes on.
        }
    }

    private sealed class Sink(SessionOutput output, string source) : ILineSink
    {
        public void Line(ReadOnlySpan<byte> line, long cutBytes, bool isResult)
        {
            output._events.Append(source, line, cutBytes, isResult);
            output._transcript.Line(line, cutBytes);
        }
    }
}
