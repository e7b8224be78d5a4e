using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Orchestrator.Testing.Service;

/// <summary>One process of the service: its program, started in an environment that is built up from nothing, and what it wrote.</summary>
public sealed class ServiceProgram : IDisposable
{
    private const int LinesShown = 60;

    private readonly Process _process;
    private readonly ConcurrentQueue<string> _output;
    private readonly ConcurrentQueue<string> _error;

    private ServiceProgram(Process process, ConcurrentQueue<string> output, ConcurrentQueue<string> error) => (_process, _output, _error, Pid) = (process, output, error, process.Id);

    public int Pid { get; }

    public bool HasExited => _process.HasExited;

    /// <summary>Only once it has exited; 137 after a SIGKILL.</summary>
    public int ExitCode => _process.ExitCode;

    /// <summary>Lines of standard output: the log.</summary>
    public IReadOnlyCollection<string> Output => _output;

    /// <summary>What it wrote to standard error.</summary>
    public string Error => string.Join('\n', _error);

    /// <summary>The end of what it wrote, for the message of a failure.</summary>
    public string Tail => string.Join('\n', _output.Concat(_error).TakeLast(LinesShown));

    public static ServiceProgram Start(string program, ServicePlace place, IReadOnlyDictionary<string, string> settings)
    {
        var start = new ProcessStartInfo(program) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = place.Root };
        start.Environment.Clear();
        foreach (var (name, value) in Basics(place).Concat(settings)) start.Environment[name] = value;
        var (output, error) = (new ConcurrentQueue<string>(), new ConcurrentQueue<string>());
        var process = new Process { StartInfo = start };
        process.OutputDataReceived += (_, line) => Keep(output, line.Data);
        process.ErrorDataReceived += (_, line) => Keep(error, line.Data);
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return new(process, output, error);
    }

    /// <summary>Waits for its end.</summary>
    public async Task<int> WaitForExitAsync(TimeSpan? limit = null)
    {
        using var timeout = new CancellationTokenSource(limit ?? Eventually.Limit, TimeProvider.System);
        try
        {
            await _process.WaitForExitAsync(timeout.Token);
            return _process.ExitCode;
        }
        catch (OperationCanceledException exception)
        {
            throw new TimeoutException($"The service (pid {Pid}) has not ended. Its log:\n{Tail}", exception);
        }
    }

    /// <summary>SIGKILL, and waits until it is gone.</summary>
    public async Task KillAsync()
    {
        if (!_process.HasExited) MachineProcess.Kill(Pid);
        await Eventually.IsTrueAsync(() => _process.HasExited, $"the end of the killed service (pid {Pid})");
    }

    public void Dispose()
    {
        if (!_process.HasExited) MachineProcess.Kill(Pid);
        _process.Dispose();
    }

    private static Dictionary<string, string> Basics(ServicePlace place) => new(StringComparer.Ordinal)
    {
        ["PATH"] = Environment.GetEnvironmentVariable("PATH") ?? "/usr/local/bin:/usr/bin:/bin",
        ["HOME"] = place.User,
        ["USER"] = Environment.UserName,
        ["SHELL"] = "/bin/bash",
        ["LANG"] = "C.UTF-8",
        ["TERM"] = "xterm-256color",
        // A program that is started by its own launcher has to find the runtime that the tests run on.
        ["DOTNET_ROOT"] = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", "..")),
        ["DOTNET_CLI_TELEMETRY_OPTOUT"] = "1",
        ["ORCHESTRATOR_HOME"] = place.Home,
        ["PORT"] = "0",
    };

    private static void Keep(ConcurrentQueue<string> lines, string? line)
    {
        if (line is not null) lines.Enqueue(line);
    }
}
