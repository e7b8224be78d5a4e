using System.Text.Json;
using System.Text.Json.Serialization;

namespace Orchestrator.Contracts.Sessions;

/// <summary>How an agent takes its prompt.</summary>
public enum SessionInput
{
    /// <summary>As text on standard input, which is then closed.</summary>
    Text = 1,

    /// <summary>As one <c>user</c> message of Claude Code's <c>stream-json</c> on standard input, which stays open until a <c>result</c> came and the inbox is empty.</summary>
    StreamJson = 2,
}

/// <summary>What the session host is to run. Written by the service, whole, before the host starts.</summary>
public sealed record SessionLaunch
{
    /// <summary>The version of this file's form that the writer knows: 1.</summary>
    public int SchemaVersion { get; init; } = 1;

    /// <summary>The task.</summary>
    public required string TaskId { get; init; }

    /// <summary>The run, from 1.</summary>
    public required int Run { get; init; }

    /// <summary>The attempt within the run, from 1.</summary>
    public required int Attempt { get; init; }

    /// <summary>The agent's program (found in PATH of <see cref="Environment"/> when it has no slash) and arguments; never through a shell.</summary>
    public required IReadOnlyList<string> Arguments { get; init; }

    /// <summary>The worktree.</summary>
    public required string WorkingDirectory { get; init; }

    /// <summary>The whole environment of setup script and agent; nothing is inherited.</summary>
    public required IReadOnlyDictionary<string, string> Environment { get; init; }

    /// <summary>How the agent takes its prompt.</summary>
    public required SessionInput Input { get; init; }

    /// <summary>The repository's setup script, run before the agent when it is there and executable; null: none.</summary>
    public string? SetupScript { get; init; }

    /// <summary>How long the setup script may take, seconds. Default: 600.</summary>
    public int SetupTimeoutSeconds { get; init; } = 600;

    /// <summary>Longest line that is kept, bytes; the rest of it is replaced by a marker. Default: 1 MiB.</summary>
    public int LineBytesMax { get; init; } = 1024 * 1024;

    /// <summary>Most output of the attempt that is kept, bytes; what comes after is counted, not kept. Default: 64 MiB.</summary>
    public long OutputBytesMax { get; init; } = 64L * 1024 * 1024;
}

/// <summary>Who runs. A process is the one named here only when pid, start time and boot id are all the same.</summary>
public sealed record SessionStarted
{
    /// <summary>When the session host started the agent (or began with the setup script), UTC.</summary>
    public required DateTimeOffset StartedAt { get; init; }

    /// <summary>The session host's process id.</summary>
    public required int HostPid { get; init; }

    /// <summary>The session host's start time in the system's own unit (Linux: clock ticks since boot; macOS: microseconds since 1970).</summary>
    public required long HostStartTime { get; init; }

    /// <summary>The agent's process id, which is also its session and process group id; null before it runs.</summary>
    public int? AgentPid { get; init; }

    /// <summary>The agent's start time, as <see cref="HostStartTime"/>.</summary>
    public long? AgentStartTime { get; init; }

    /// <summary>The system's boot id.</summary>
    public required string BootId { get; init; }
}

/// <summary>That the session shall end.</summary>
public sealed record SessionStop
{
    /// <summary>For people: why.</summary>
    public required string Reason { get; init; }

    /// <summary>From interrupt to kill, seconds. Default: 10.</summary>
    public int GraceSeconds { get; init; } = 10;
}

/// <summary>How a session ended.</summary>
public enum SessionExitKind
{
    /// <summary>The agent ran and is gone: see exit code and signal.</summary>
    AgentExited = 1,

    /// <summary>The setup script failed or took too long; no agent ran.</summary>
    SetupFailed = 2,

    /// <summary>The agent's program is missing or could not be started.</summary>
    AgentNotStarted = 3,

    /// <summary>It was stopped before an agent ran.</summary>
    StoppedBeforeStart = 4,
}

/// <summary>The end of a session. When this file is there, no process of the session lives any more, but for those that its host was not allowed to end (it remarks upon them).</summary>
public sealed record SessionExit
{
    /// <summary>How.</summary>
    public required SessionExitKind Kind { get; init; }

    /// <summary>The agent's (or the failed setup script's) exit code; null when a signal ended it or it never ran.</summary>
    public int? ExitCode { get; init; }

    /// <summary>The signal that ended it; null when none did.</summary>
    public int? Signal { get; init; }

    /// <summary>When, UTC.</summary>
    public required DateTimeOffset EndedAt { get; init; }

    /// <summary>For people: what went wrong; null when nothing did.</summary>
    public string? Message { get; init; }

    /// <summary>Whether it was told to stop (<see cref="SessionFiles.Stop"/>, or a signal to the host).</summary>
    public bool WasStopped { get; init; }

    /// <summary>Bytes of output that were not kept.</summary>
    public long OutputBytesCut { get; init; }
}

/// <summary>One line of <see cref="SessionFiles.Events"/>.</summary>
public sealed record SessionEvent
{
    /// <summary>From 1, without gaps.</summary>
    [JsonPropertyName("n")]
    public required long Number { get; init; }

    /// <summary>Unix time in milliseconds.</summary>
    [JsonPropertyName("at")]
    public required long At { get; init; }

    /// <summary>Who said it: <c>setup</c>, <c>out</c> (the agent's standard output), <c>err</c>, or <c>host</c> (a remark of the session host's, such as what was cut).</summary>
    [JsonPropertyName("s")]
    public required string Source { get; init; }

    /// <summary>The line without its end; bytes that are no UTF-8 are replaced by U+FFFD.</summary>
    [JsonPropertyName("t")]
    public required string Text { get; init; }
}

/// <summary>Reads and writes the session folder's files, in camelCase; null members are left out.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(SessionLaunch))]
[JsonSerializable(typeof(SessionStarted))]
[JsonSerializable(typeof(SessionStop))]
[JsonSerializable(typeof(SessionExit))]
[JsonSerializable(typeof(SessionEvent))]
public sealed partial class SessionJsonContext : JsonSerializerContext;
