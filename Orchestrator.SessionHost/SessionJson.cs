using System.Globalization;
using System.Text;
using Orchestrator.Contracts.Sessions;

namespace Orchestrator.SessionHost;

/// <summary>
/// The folder's files, in the form of <see cref="SessionJsonContext"/>, which the service uses. The host reads and writes by hand (see
/// <see cref="JsonCursor"/>).
/// </summary>
internal static class SessionJson
{
    /// <exception cref="FormatException">It is no such JSON.</exception>
    internal static SessionLaunch ReadLaunch(byte[] json)
    {
        var (taskId, workingDirectory, setupScript) = ((string?)null, (string?)null, (string?)null);
        var (run, attempt, input, setupSeconds, lineBytes, outputBytes) = (0L, 0L, 0L, 0L, 0L, 0L);
        List<string>? arguments = null;
        Dictionary<string, string>? environment = null;
        var cursor = new JsonCursor(json);
        cursor.BeginObject();
        while (cursor.NextMember(out var name))
        {
            switch (name)
            {
                case "taskId": taskId = cursor.String(); break;
                case "run": run = cursor.Number(); break;
                case "attempt": attempt = cursor.Number(); break;
                case "arguments": arguments = ReadArguments(ref cursor); break;
                case "workingDirectory": workingDirectory = cursor.String(); break;
                case "environment": environment = ReadEnvironment(ref cursor); break;
                case "input": input = cursor.Number(); break;
                case "setupScript": setupScript = cursor.IsNull() ? null : cursor.String(); break;
                case "setupTimeoutSeconds": setupSeconds = cursor.Number(); break;
                case "lineBytesMax": lineBytes = cursor.Number(); break;
                case "outputBytesMax": outputBytes = cursor.Number(); break;
                default: cursor.Skip(); break;
            }
        }

        cursor.End();
        var launch = new SessionLaunch
        {
            TaskId = taskId ?? throw Missing("taskId"),
            Run = Positive(run) ?? throw Missing("run"),
            Attempt = Positive(attempt) ?? throw Missing("attempt"),
            Arguments = arguments is { Count: > 0 } ? arguments : throw new FormatException("It names no program."),
            WorkingDirectory = workingDirectory ?? throw Missing("workingDirectory"),
            Environment = environment ?? throw Missing("environment"),
            Input = (SessionInput)(Positive(input) ?? throw Missing("input")),
            SetupScript = setupScript,
        };
        return launch with
        {
            SetupTimeoutSeconds = Positive(setupSeconds) ?? launch.SetupTimeoutSeconds,
            LineBytesMax = Positive(lineBytes) ?? launch.LineBytesMax,
            OutputBytesMax = outputBytes > 0 ? outputBytes : launch.OutputBytesMax,
        };
    }

    /// <exception cref="FormatException">It is no such JSON.</exception>
    internal static SessionStop ReadStop(byte[] json)
    {
        var stop = new SessionStop { Reason = "" };
        var cursor = new JsonCursor(json);
        cursor.BeginObject();
        while (cursor.NextMember(out var name))
        {
            switch (name)
            {
                case "reason": stop = stop with { Reason = cursor.String() }; break;
                case "graceSeconds": stop = stop with { GraceSeconds = (int)Math.Clamp(cursor.Number(), 0, int.MaxValue) }; break;
                default: cursor.Skip(); break;
            }
        }

        cursor.End();
        return stop;
    }

    internal static byte[] Write(SessionStarted started) => new Writer()
        .Time("startedAt", started.StartedAt)
        .Number("hostPid", started.HostPid)
        .Number("hostStartTime", started.HostStartTime)
        .Number("agentPid", started.AgentPid)
        .Number("agentStartTime", started.AgentStartTime)
        .Text("bootId", started.BootId)
        .ToBytes();

    internal static byte[] Write(SessionExit exit) => new Writer()
        .Number("kind", (int)exit.Kind)
        .Number("exitCode", exit.ExitCode)
        .Number("signal", exit.Signal)
        .Time("endedAt", exit.EndedAt)
        .Text("message", exit.Message)
        .Literal("wasStopped", exit.WasStopped ? "true" : "false")
        .Number("outputBytesCut", exit.OutputBytesCut)
        .ToBytes();

    private static List<string> ReadArguments(ref JsonCursor cursor)
    {
        var arguments = new List<string>();
        cursor.BeginArray();
        while (cursor.NextElement()) arguments.Add(cursor.String());
        return arguments;
    }

    private static Dictionary<string, string> ReadEnvironment(ref JsonCursor cursor)
    {
        var environment = new Dictionary<string, string>(StringComparer.Ordinal);
        cursor.BeginObject();
        while (cursor.NextMember(out var name)) environment[name] = cursor.String();
        return environment;
    }

    private static int? Positive(long value) => value is > 0 and <= int.MaxValue ? (int)value : null;

    private static FormatException Missing(string name) => new($"It has no {name}.");

    /// <summary>Writes one flat object; members that are null are left out.</summary>
    private sealed class Writer
    {
        private readonly StringBuilder _json = new();

        internal Writer Number(string name, long? value) => value is { } number ? Literal(name, number.ToString(CultureInfo.InvariantCulture)) : this;

        internal Writer Time(string name, DateTimeOffset value) => Text(name, value.UtcDateTime.ToString("O", CultureInfo.InvariantCulture));

        internal Writer Text(string name, string? value)
        {
            if (value is null) return this;
            Begin(name).Append('"');
            foreach (var character in value)
            {
                if (character is '"' or '\\') _json.Append('\\').Append(character);
                else if (character < ' ') _json.Append("\\u").Append(((int)character).ToString("x4", CultureInfo.InvariantCulture));
                else _json.Append(character);
            }

            _json.Append('"');
            return this;
        }

        internal Writer Literal(string name, string value)
        {
            Begin(name).Append(value);
            return this;
        }

        internal byte[] ToBytes() => Encoding.UTF8.GetBytes(_json.Append('}').ToString());

        private StringBuilder Begin(string name) => _json.Append(_json.Length == 0 ? '{' : ',').Append('"').Append(name).Append("\":");
    }
}
