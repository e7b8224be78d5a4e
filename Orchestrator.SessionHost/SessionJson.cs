using System.Globalization;
using System.Text;
using System.Text.Json;
using Orchestrator.Contracts.Sessions;

namespace Orchestrator.SessionHost;

/// <summary>
/// The folder's files, in the form of <see cref="SessionJsonContext"/>, which the service uses. The host reads and writes by hand: the serializer's generics are
/// compiled at run time, and that alone takes longer than everything else until the agent runs.
/// </summary>
internal static class SessionJson
{
    /// <exception cref="JsonException">It is no such JSON.</exception>
    internal static SessionLaunch ReadLaunch(byte[] json)
    {
        using var document = JsonDocument.Parse(json);
        var root = document.RootElement;
        try
        {
            var launch = new SessionLaunch
            {
                TaskId = Required(root, "taskId").GetString()!,
                Run = Required(root, "run").GetInt32(),
                Attempt = Required(root, "attempt").GetInt32(),
                Arguments = ReadArguments(Required(root, "arguments")),
                WorkingDirectory = Required(root, "workingDirectory").GetString()!,
                Environment = ReadEnvironment(Required(root, "environment")),
                Input = (SessionInput)Required(root, "input").GetInt32(),
                SetupScript = root.TryGetProperty("setupScript", out var setup) ? setup.GetString() : null,
            };
            if (launch.Arguments.Count == 0) throw new JsonException($"{SessionFiles.Launch} names no program.");
            return launch with
            {
                SetupTimeoutSeconds = (int)NumberOr(root, "setupTimeoutSeconds", launch.SetupTimeoutSeconds),
                LineBytesMax = (int)NumberOr(root, "lineBytesMax", launch.LineBytesMax),
                OutputBytesMax = NumberOr(root, "outputBytesMax", launch.OutputBytesMax),
            };
        }
        catch (Exception error) when (error is InvalidOperationException or FormatException)
        {
            throw new JsonException($"{SessionFiles.Launch} has a member of another kind than it should: {error.Message}", error);
        }
    }

    /// <exception cref="JsonException">It is no such JSON.</exception>
    internal static SessionStop ReadStop(byte[] json)
    {
        using var document = JsonDocument.Parse(json);
        var root = document.RootElement;
        if (root.ValueKind != JsonValueKind.Object) throw new JsonException($"{SessionFiles.Stop} is no object.");
        var reason = root.TryGetProperty("reason", out var text) && text.ValueKind == JsonValueKind.String ? text.GetString()! : "";
        var stop = new SessionStop { Reason = reason };
        return root.TryGetProperty("graceSeconds", out var grace) && grace.ValueKind == JsonValueKind.Number && grace.TryGetInt32(out var seconds) ? stop with { GraceSeconds = seconds } : stop;
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

    private static JsonElement Required(JsonElement root, string name) =>
        root.TryGetProperty(name, out var value) ? value : throw new JsonException($"{SessionFiles.Launch} has no {name}.");

    private static long NumberOr(JsonElement root, string name, long other) =>
        root.TryGetProperty(name, out var value) && value.TryGetInt64(out var number) && number > 0 ? number : other;

    private static List<string> ReadArguments(JsonElement element)
    {
        var arguments = new List<string>();
        foreach (var argument in element.EnumerateArray()) arguments.Add(argument.GetString()!);
        return arguments;
    }

    private static Dictionary<string, string> ReadEnvironment(JsonElement element)
    {
        var environment = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var variable in element.EnumerateObject()) environment[variable.Name] = variable.Value.GetString() ?? "";
        return environment;
    }

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
