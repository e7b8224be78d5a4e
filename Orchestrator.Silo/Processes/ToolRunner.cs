using System.IO.Pipes;
using Microsoft.Win32.SafeHandles;
using Orchestrator.Processes;

namespace Orchestrator.Silo.Processes;

/// <summary>
/// Runs programs: an immutable command, a typed result (a port of what we use of CliWrap). Each is a session and process group of its own, without a terminal to ask questions at. Whatever happens, the
/// tool has ended when a call returns, by itself or killed with its session and whole tree, helpers whose parent died before them included; daemons that a tool leaves behind when it ends by itself are
/// let live.
/// </summary>
internal sealed class ToolRunner(TimeProvider clock)
{
    /// <summary>How long the outputs are read on after the tool's end: a daemon that it left may hold them open for ever.</summary>
    private static readonly TimeSpan OutputGrace = TimeSpan.FromSeconds(1);

    private const int SignalExitBase = 128;

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
        using var output = new ToolOutput(Own(process.StandardOutput, PipeDirection.In), command.OutputBytesMax);
        using var error = new ToolOutput(Own(process.StandardError, PipeDirection.In), command.OutputBytesMax);
        using var reading = new CancellationTokenSource();
        using var deadline = new CancellationTokenSource(command.Timeout, clock);
        using var end = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken);
        var outputs = Task.WhenAll(output.ReadAsync(reading.Token), error.ReadAsync(reading.Token), WriteInputAsync(process, command, reading.Token));
        var exit = process.WaitForExitAsync();
        try
        {
            var (code, signal) = await exit.WaitAsync(end.Token);
            await EndReadingAsync(outputs, reading);
            return new(code ?? (SignalExitBase + signal ?? 0), output.Text, error.Text, output.IsCut || error.IsCut);
        }
        catch (OperationCanceledException)
        {
            await KillAsync(process.Identity, exit);
            await EndReadingAsync(outputs, reading);
            cancellationToken.ThrowIfCancellationRequested();
            throw ToolFailedException.TimedOut(command, error.Text);
        }
    }

    private static ChildProcess Start(ToolCommand command)
    {
        var environment = ToolEnvironment.With(command.Environment);
        var path = ToolEnvironment.Find(command.Tool, environment.GetValueOrDefault("PATH")) ?? throw ToolFailedException.Missing(command);
        try
        {
            return ChildProcess.Start(new()
            {
                Arguments = [path, .. command.Arguments],
                Environment = environment,
                WorkingDirectory = command.WorkingDirectory ?? Environment.CurrentDirectory,
                HasInput = command.StandardInput is not null,
            });
        }
        catch (ChildProcessException exception)
        {
            throw ToolFailedException.NotStarted(command, exception);
        }
    }

    /// <summary>A stream whose reads and writes can be cancelled; it closes the pipe's end.</summary>
    private static AnonymousPipeClientStream Own(SafeFileHandle pipe, PipeDirection direction)
    {
        var stream = new AnonymousPipeClientStream(direction, new SafePipeHandle(pipe.DangerousGetHandle(), ownsHandle: true));
        pipe.SetHandleAsInvalid();
        return stream;
    }

    private static async Task WriteInputAsync(ChildProcess process, ToolCommand command, CancellationToken cancellationToken)
    {
        if (process.StandardInput is not { } pipe || command.StandardInput is not { } bytes) return;
        try
        {
            await using var input = Own(pipe, PipeDirection.Out);
            await input.WriteAsync(bytes, cancellationToken);
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

    private async Task KillAsync(ProcessIdentity tool, Task<ChildExit> exit)
    {
        // Reading the process table and waiting for the killed to go blocks a thread.
        await Task.Run(
            () =>
            {
                // Descendants that have a session of their own are known as long as the tool lives; what it forks meanwhile is of its group.
                var tree = new ProcessTree(null) { Patience = KillGrace }.WithSessionOf(tool).WithDescendantsOf(tool);
                tree.FindAlive();
                if (!exit.IsCompleted) tree.Send(Signals.Kill);
                Signals.SendToGroup(tool.Pid, Signals.Kill);
                tree.KillAll();
            },
            CancellationToken.None);
        try
        {
            await exit.WaitAsync(KillGrace, clock);
        }
        catch (TimeoutException)
        {
            // It waits for a disk that does not answer: it dies when that does. Whoever holds a lock because of it must not hold it until then.
        }
    }
}
