using System.Diagnostics;
using System.Text;
using System.Text.Json;
using Orchestrator.Contracts.Sessions;
using Orchestrator.Silo.Agents;

namespace Orchestrator.Silo.Tests.Agents;

/// <summary>Runs an agent as its launch says, without session host and terminal, and writes its output to a session folder.</summary>
internal sealed class AgentProgram : IDisposable
{
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(90);

    private readonly Process _process;
    private readonly StreamWriter _events;
    private readonly Lock _lock = new();
    private readonly List<string> _lines = [];
    private long _number;

    private AgentProgram(Process process, string sessionFolder)
    {
        _process = process;
        _events = new(Path.Combine(sessionFolder, SessionFiles.Events)) { AutoFlush = true };
    }

    public int Id => _process.Id;

    public IReadOnlyList<string> OutputLines
    {
        get
        {
            lock (_lock) return [.. _lines];
        }
    }

    /// <summary>Starts it, says the prompt and closes its standard input: it ends when it has answered.</summary>
    public static async Task<AgentProgram> StartAsync(AgentLaunch launch, string prompt, string workingDirectory, string sessionFolder)
    {
        Directory.CreateDirectory(sessionFolder);
        var info = new ProcessStartInfo
        {
            FileName = launch.Arguments[0],
            WorkingDirectory = workingDirectory,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardInputEncoding = new UTF8Encoding(false),
            StandardOutputEncoding = Encoding.UTF8,
            StandardErrorEncoding = Encoding.UTF8,
        };
        foreach (var argument in launch.Arguments.Skip(1)) info.ArgumentList.Add(argument);
        info.Environment.Clear();
        foreach (var (name, value) in launch.Environment) info.Environment[name] = value;

        var program = new AgentProgram(new Process { StartInfo = info }, sessionFolder);
        program._process.OutputDataReceived += (_, line) => program.Add("out", line.Data);
        program._process.ErrorDataReceived += (_, line) => program.Add("err", line.Data);
        program._process.Start();
        program._process.BeginOutputReadLine();
        program._process.BeginErrorReadLine();
        try
        {
            await program._process.StandardInput.WriteAsync(launch.Input == SessionInput.StreamJson ? UserMessage(prompt) + "\n" : prompt);
            program._process.StandardInput.Close();
        }
        catch (IOException)
        {
            // It ended before it read its prompt; its exit code tells.
        }

        return program;
    }

    /// <summary>Its exit code, once it has ended and all of its output is written.</summary>
    public async Task<int> WaitAsync()
    {
        using var limit = new CancellationTokenSource(Limit, TimeProvider.System);
        try
        {
            await _process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException exception)
        {
            throw new TimeoutException($"The agent did not end within {Limit}. It said: {string.Join('\n', OutputLines.TakeLast(5))}", exception);
        }

        return _process.ExitCode;
    }

    /// <summary>SIGKILL, to it alone.</summary>
    public void Kill() => _process.Kill();

    public void Dispose()
    {
        if (!_process.HasExited) _process.Kill(entireProcessTree: true);
        _process.Dispose();
        lock (_lock) _events.Dispose();
    }

    private static string UserMessage(string prompt)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
        {
            json.WriteStartObject();
            json.WriteString("type", "user");
            json.WriteStartObject("message");
            json.WriteString("role", "user");
            json.WriteString("content", prompt);
            json.WriteEndObject();
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(stream.ToArray());
    }

    private void Add(string source, string? text)
    {
        if (text is null) return;
        lock (_lock)
        {
            _lines.Add(text);
            var line = new SessionEvent { Number = ++_number, At = 0, Source = source, Text = text };
            if (_events.BaseStream is { CanWrite: true }) _events.Write(JsonSerializer.Serialize(line, SessionJsonContext.Default.SessionEvent) + "\n");
        }
    }
}
