using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Orchestrator.Contracts.Sessions;
using Orchestrator.Processes;

namespace Orchestrator.SessionHost;

/// <summary>The session's folder (<see cref="SessionFiles"/>), as the host reads and writes it.</summary>
internal sealed class SessionFolder(string path)
{
    private static readonly SessionLaunch Defaults = new()
    {
        TaskId = "", Run = 1, Attempt = 1, Arguments = [], WorkingDirectory = "/", Environment = new Dictionary<string, string>(StringComparer.Ordinal), Input = SessionInput.Text,
    };

    internal string PathOf(string file) => Path.Combine(path, file);

    internal bool Has(string file) => File.Exists(PathOf(file));

    /// <exception cref="JsonException">It is no such JSON.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    internal SessionLaunch ReadLaunch()
    {
        var launch = Read(SessionFiles.Launch, SessionJsonContext.Default.SessionLaunch) ?? throw new JsonException($"{SessionFiles.Launch} is empty.");
        if (launch.Arguments is not [_, ..]) throw new JsonException($"{SessionFiles.Launch} names no program.");
        // Generated readers leave 0 where an init-only member is missing, not its default.
        return launch with
        {
            SetupTimeoutSeconds = launch.SetupTimeoutSeconds > 0 ? launch.SetupTimeoutSeconds : Defaults.SetupTimeoutSeconds,
            LineBytesMax = launch.LineBytesMax > 0 ? launch.LineBytesMax : Defaults.LineBytesMax,
            OutputBytesMax = launch.OutputBytesMax > 0 ? launch.OutputBytesMax : Defaults.OutputBytesMax,
        };
    }

    /// <summary>Null when nobody told it to stop. A file that cannot be read tells so, too.</summary>
    internal SessionStop? ReadStop()
    {
        if (!Has(SessionFiles.Stop)) return null;
        try
        {
            return Read(SessionFiles.Stop, SessionJsonContext.Default.SessionStop);
        }
        catch (Exception error) when (error is JsonException or IOException)
        {
            // That it is there is what counts.
            return new SessionStop { Reason = "" };
        }
    }

    internal void WriteStarted(SessionStarted started) => Write(SessionFiles.Started, started, SessionJsonContext.Default.SessionStarted);

    internal void WriteExit(SessionExit exit) => Write(SessionFiles.Exit, exit, SessionJsonContext.Default.SessionExit);

    private T? Read<T>(string file, JsonTypeInfo<T> type)
    {
        using var stream = new FileStream(PathOf(file), FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);
        return JsonSerializer.Deserialize(stream, type);
    }

    private void Write<T>(string file, T value, JsonTypeInfo<T> type) => DurableFile.Write(PathOf(file), JsonSerializer.SerializeToUtf8Bytes(value, type));
}
