using Orchestrator.Contracts.Sessions;
using Orchestrator.Processes;

namespace Orchestrator.SessionHost;

/// <summary>The session's folder (<see cref="SessionFiles"/>), as the host reads and writes it.</summary>
internal sealed class SessionFolder(string path)
{
    private const int ExitBytes = 4096, MessageCharsMax = 1000;
    private static readonly TimeSpan ExitPatience = TimeSpan.FromMinutes(1), ExitPause = TimeSpan.FromMilliseconds(500);
    private ReservedFile? _exit;

    internal string PathOf(string file) => Path.Combine(path, file);

    internal bool Has(string file) => File.Exists(PathOf(file));

    /// <exception cref="FormatException">It is no such JSON.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    internal SessionLaunch ReadLaunch() => SessionJson.ReadLaunch(File.ReadAllBytes(PathOf(SessionFiles.Launch)));

    /// <summary>Null when nobody told it to stop. A file that cannot be read tells so, too.</summary>
    internal SessionStop? ReadStop()
    {
        if (!Has(SessionFiles.Stop)) return null;
        try
        {
            return SessionJson.ReadStop(File.ReadAllBytes(PathOf(SessionFiles.Stop)));
        }
        catch (Exception error) when (error is FormatException or IOException or UnauthorizedAccessException)
        {
            // That it is there is what counts.
            return new SessionStop { Reason = "" };
        }
    }

    /// <param name="started">Who runs.</param>
    /// <param name="isFlushed">Whether it must be on the disk before anything else is done.</param>
    internal void WriteStarted(SessionStarted started, bool isFlushed)
    {
        FailPoint.Pass(started.AgentPid is null ? "host.started.before" : "host.named.before");
        DurableFile.Write(PathOf(SessionFiles.Started), SessionJson.Write(started), isFlushed);
        FailPoint.Pass(started.AgentPid is null ? "host.started.after" : "host.named.after");
    }

    /// <summary>Keeps room for the last word: a disk that gets full meanwhile must not cost a finished run.</summary>
    /// <exception cref="IOException">There is none.</exception>
    internal void ReserveExit() => _exit = new ReservedFile(PathOf(SessionFiles.Exit), ExitBytes);

    /// <summary>Writes the last word; tries for a minute, because without it all that was done counts as lost. On the calling thread.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    internal void WriteExit(SessionExit exit)
    {
        if (exit.Message is { Length: > MessageCharsMax } message) exit = exit with { Message = message[..MessageCharsMax] + "…" };
        var content = SessionJson.Write(exit);
        FailPoint.Pass("host.exit.before");
        var startedAt = TimeProvider.System.GetTimestamp();
        using var never = new ManualResetEventSlim();
        while (true)
        {
            try
            {
                (_exit ??= new ReservedFile(PathOf(SessionFiles.Exit), ExitBytes)).Commit(content);
                FailPoint.Pass("host.exit.after");
                return;
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException && TimeProvider.System.GetElapsedTime(startedAt) < ExitPatience)
            {
                never.Wait(ExitPause);
            }
        }
    }
}
