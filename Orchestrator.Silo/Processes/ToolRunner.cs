using System.ComponentModel;
using System.Diagnostics;

namespace Orchestrator.Silo.Processes;

/// <summary>
/// Runs programs: an immutable command, a typed result (a port of what we use of CliWrap). The only class of the service that names <see cref="Process"/>. Whatever
/// happens, the tool has ended when a call returns, by itself or killed with its whole tree; daemons that a tool leaves behind when it ends by itself are let live.
/// </summary>
internal sealed class ToolRunner(TimeProvider clock)
{
    /// <summary>How long the outputs are read on after the tool's end: a daemon that it left may hold them open for ever.</summary>
    private static readonly TimeSpan OutputGrace = TimeSpan.FromSeconds(1);

    /// <summary>How long a killed tool may take to be gone.</summary>
    private static readonly TimeSpan KillGrace = TimeSpan.FromSeconds(10);

    /// <summary>Runs a tool that must succeed.</summary>
    /// <exception cref="ToolFailedException">It ended with another exit code than 0, took too long, or could not be started.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled; the tool has been killed.</exception>
    public async Task<ToolResult> RunAsync(ToolCommand command, CancellationToken cancellationToken)
    {
        var result = await TryRunAsync(command, cancellationToken);
        return result.ExitCode == 0 ? result : throw ToolFailedException.Exited(command, result);
    }

    /// <summary>Runs a tool whose exit code the caller reads.</summary>
    /// <exception cref="ToolFailedException">It took too long, or could not be started.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled; the tool has been killed.</exception>
    public async Task<ToolResult> TryRunAsync(ToolCommand command, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        using var process = Start(command);
        using var output = new ToolOutput(process.StandardOutput.BaseStream, command.OutputBytesMax);
        using var error = new ToolOutput(process.StandardError.BaseStream, command.OutputBytesMax);
        using var reading = new CancellationTokenSource();
        using var deadline = new CancellationTokenSource(command.Timeout, clock);
        using var end = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken);
        var outputs = Task.WhenAll(output.ReadAsync(reading.Token), error.ReadAsync(reading.Token), WriteInputAsync(process, command, reading.Token));
        try
        {
            await process.WaitForExitAsync(end.Token);
            await EndReadingAsync(outputs, reading);
            return new(process.ExitCode, output.Text, error.Text, output.IsCut || error.IsCut);
        }
        catch (OperationCanceledException)
        {
            await KillAsync(process);
            await EndReadingAsync(outputs, reading);
            cancellationToken.ThrowIfCancellationRequested();
            throw ToolFailedException.TimedOut(command, error.Text);
        }
    }

    private static Process Start(ToolCommand command)
    {
        var environment = ToolEnvironment.With(command.Environment);
        var path = ToolEnvironment.Find(command.Tool, environment.GetValueOrDefault("PATH")) ?? throw ToolFailedException.Missing(command);
        var start = new ProcessStartInfo(path, command.Arguments)
        {
            WorkingDirectory = command.WorkingDirectory ?? "",
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment.Clear();
        foreach (var (name, value) in environment) start.Environment[name] = value;
        try
        {
            return Process.Start(start) ?? throw new InvalidOperationException("No process was started.");
        }
        catch (Win32Exception exception)
        {
            throw ToolFailedException.NotStarted(command, exception);
        }
    }

    private static async Task WriteInputAsync(Process process, ToolCommand command, CancellationToken cancellationToken)
    {
        var input = process.StandardInput.BaseStream;
        try
        {
            if (command.StandardInput is { } bytes) await input.WriteAsync(bytes, cancellationToken);
            await input.DisposeAsync();
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException)
        {
            // The tool did not read to the end, or has ended: its exit code says whether that matters.
        }
    }

    private async Task EndReadingAsync(Task outputs, CancellationTokenSource reading)
    {
        if (!outputs.IsCompleted)
        {
            using var grace = new CancellationTokenSource(OutputGrace, clock);
            await using (grace.Token.Register(reading.Cancel)) await outputs;
        }
    }

    private async Task KillAsync(Process process)
    {
        try
        {
            process.Kill(entireProcessTree: true);
        }
        catch (Exception exception) when (exception is InvalidOperationException or Win32Exception or AggregateException)
        {
            // It has ended meanwhile, or a descendant has; what could be killed is.
        }

        try
        {
            await process.WaitForExitAsync(CancellationToken.None).WaitAsync(KillGrace, clock);
        }
        catch (TimeoutException)
        {
            // It waits for a disk that does not answer: it dies when that does. Whoever holds a lock because of it must not hold it until then.
        }
    }
}
