using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Orchestrator.Contracts.Sessions;
using Orchestrator.Interfaces.Machines;
using Orchestrator.Processes;
using Orchestrator.Silo.Configuration;

namespace Orchestrator.Silo.Machines.Sessions;

/// <summary>One session's folder (<see cref="SessionFiles"/>), as the service reads and writes it.</summary>
internal sealed class SessionFolder
{
    /// <summary>The request's fields that the agent may read (<c>TASK_CONTEXT</c>).</summary>
    public const string Context = "context.json";

    private static readonly TimeSpan StopPatience = TimeSpan.FromSeconds(30);

    /// <exception cref="ArgumentException">The task id could leave the folder of sessions.</exception>
    public SessionFolder(OrchestratorHome home, SessionName session)
    {
        if (session.TaskId.Length == 0 || session.TaskId.AsSpan().ContainsAny("/\0") || session.TaskId[0] == '.')
            throw new ArgumentException($"'{session.TaskId}' is no task id.", nameof(session));
        Session = session;
        Path = System.IO.Path.Combine(home.SessionsPath, session.ToString());
    }

    public SessionName Session { get; }

    /// <summary>Absolute; also the marker of every process of the session (<see cref="ProcessTree.MarkerName"/>).</summary>
    public string Path { get; }

    /// <summary>Whether a session host runs it.</summary>
    public bool IsHeld => FileLock.IsHeld(PathOf(SessionFiles.Lock));

    public string PathOf(string file) => System.IO.Path.Combine(Path, file);

    public bool Has(string file) => File.Exists(PathOf(file));

    /// <summary>Makes it, for its owner alone.</summary>
    public void Create() => DurableFile.CreateFolder(PathOf(SessionFiles.Inbox));

    /// <summary>Null when it has not ended, or its host could not say how.</summary>
    public SessionExit? ReadExit() => Read(SessionFiles.Exit, SessionJsonContext.Default.SessionExit);

    /// <summary>Null when it has not started.</summary>
    public SessionStarted? ReadStarted() => Read(SessionFiles.Started, SessionJsonContext.Default.SessionStarted);

    /// <summary>Says that its start is expected.</summary>
    public void Expect()
    {
        Create();
        Write(SessionFiles.Expected, []);
    }

    /// <summary>Says that no start is expected any more: a host that waits for one ends.</summary>
    public void EndExpectation() => File.Delete(PathOf(SessionFiles.Expected));

    /// <summary>Says that it shall end, or never start. What was said first stays.</summary>
    public void WriteStop(SessionStop stop)
    {
        Create();
        if (!Has(SessionFiles.Stop)) DurableFile.Write(PathOf(SessionFiles.Stop), JsonSerializer.SerializeToUtf8Bytes(stop, SessionJsonContext.Default.SessionStop));
    }

    /// <summary>Whether it was told to end so long ago that its host must hang. False when it was not.</summary>
    public bool IsStopOverdue(SessionOptions options, TimeProvider clock)
    {
        var file = new FileInfo(PathOf(SessionFiles.Stop));
        return file.Exists && clock.GetUtcNow() - new DateTimeOffset(file.LastWriteTimeUtc) > TimeSpan.FromSeconds(options.StopGraceSeconds) + StopPatience;
    }

    /// <summary>Takes the values of the environment, the agents' keys among them, out of <see cref="SessionFiles.Launch"/>: for a session that runs no more, and never will.</summary>
    /// <exception cref="IOException">It cannot be read or written.</exception>
    public void ForgetEnvironment()
    {
        if (Read(SessionFiles.Launch, SessionJsonContext.Default.SessionLaunch) is not { } launch || launch.Environment.Values.All(value => value.Length == 0)) return;
        var names = launch.Environment.ToDictionary(variable => variable.Key, _ => "", StringComparer.Ordinal);
        Write(SessionFiles.Launch, JsonSerializer.SerializeToUtf8Bytes(launch with { Environment = names }, SessionJsonContext.Default.SessionLaunch));
    }

    /// <summary>Writes a file that need not survive a loss of power: no session does.</summary>
    public void Write(string file, ReadOnlySpan<byte> content) => DurableFile.Write(PathOf(file), content, isFlushed: false);

    private T? Read<T>(string file, JsonTypeInfo<T> type) where T : class
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(PathOf(file)), type);
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException or JsonException or InvalidOperationException)
        {
            // Not there; or damaged, which is no word of the host's either.
            return null;
        }
    }
}
