using System.Text.Json;
using Orchestrator.Contracts.Sessions;
using Orchestrator.Processes;

namespace Orchestrator.SessionHost;

/// <summary>The session's folder (<see cref="SessionFiles"/>), as the host reads and writes it.</summary>
internal sealed class SessionFolder(string path)
{
    internal string PathOf(string file) => Path.Combine(path, file);

    internal bool Has(string file) => File.Exists(PathOf(file));

    /// <exception cref="JsonException">It is no such JSON.</exception>
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
        catch (Exception error) when (error is JsonException or IOException)
        {
            // That it is there is what counts.
            return new SessionStop { Reason = "" };
        }
    }

    /// <param name="started">Who runs.</param>
    /// <param name="isFlushed">Whether it must be on the disk before anything else is done.</param>
    internal void WriteStarted(SessionStarted started, bool isFlushed) => DurableFile.Write(PathOf(SessionFiles.Started), SessionJson.Write(started), isFlushed);

    internal void WriteExit(SessionExit exit) => DurableFile.Write(PathOf(SessionFiles.Exit), SessionJson.Write(exit));
}
