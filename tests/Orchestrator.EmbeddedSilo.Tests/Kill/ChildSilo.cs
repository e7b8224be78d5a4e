using System.Diagnostics;
using System.Reflection;
using System.Text;

namespace Orchestrator.EmbeddedSilo.Tests.Kill;

/// <summary>A process of Orchestrator.KillTarget, and the lines it writes.</summary>
internal sealed class ChildSilo : IDisposable
{
    private static readonly TimeSpan LineTimeout = TimeSpan.FromSeconds(30);

    private static readonly string Program =
        typeof(ChildSilo).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(attribute => attribute.Key == "KillTarget").Value!;

    private readonly Process _process;
    private readonly Task<string> _errors;
    private readonly string _what;

    private ChildSilo(Process process, string what)
    {
        (_process, _what) = (process, what);
        _errors = process.StandardError.ReadToEndAsync();
    }

    /// <param name="arguments">As Program.cs of Orchestrator.KillTarget says.</param>
    /// <param name="wrapper">A program that runs the rest of its arguments, such as setpriv.</param>
    public static ChildSilo Start(string[] arguments, params string[] wrapper)
    {
        string[] command = [.. wrapper, "dotnet", "exec", Program, .. arguments];
        var start = new ProcessStartInfo(command[0])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardOutputEncoding = Encoding.UTF8,
        };
        foreach (var argument in command[1..]) start.ArgumentList.Add(argument);
        start.Environment["DOTNET_TieredPGO"] = "0";
        return new(Process.Start(start)!, string.Join(' ', command));
    }

    /// <summary>Lets it open the database, or end.</summary>
    public void GoOn()
    {
        _process.StandardInput.WriteLine();
        _process.StandardInput.Flush();
    }

    /// <summary>The next whole line, without its ";"; null at the end or when the last line was cut.</summary>
    public async Task<string?> ReadLineAsync()
    {
        string? line;
        using var timeout = new CancellationTokenSource(LineTimeout);
        try
        {
            line = await _process.StandardOutput.ReadLineAsync(timeout.Token);
        }
        catch (OperationCanceledException exception) when (timeout.IsCancellationRequested)
        {
            throw new TimeoutException($"No line within {LineTimeout.TotalSeconds} s from: {_what} (pid {_process.Id}, has exited: {_process.HasExited}).", exception);
        }

        return line is not null && line.EndsWith(';') ? line[..^1] : null;
    }

    public async Task ExpectAsync(string line)
    {
        if (await ReadLineAsync() is var found && found != line)
            throw new InvalidOperationException($"Expected '{line}', got '{found ?? "the end"}' from: {_what}. {(found is null ? await ErrorsAsync() : "")}");
    }

    /// <summary>SIGKILL, to this process alone.</summary>
    public void Kill() => _process.Kill();

    public async Task<string> ErrorsAsync() => await _errors.WaitAsync(LineTimeout);

    public async Task WaitForExitAsync() => await _process.WaitForExitAsync().WaitAsync(LineTimeout);

    public void Dispose()
    {
        if (!_process.HasExited) _process.Kill();
        _process.Dispose();
    }
}
