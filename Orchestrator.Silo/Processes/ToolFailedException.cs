namespace Orchestrator.Silo.Processes;

/// <summary>A tool could not be started, took too long, or ended with an exit code that was not wanted. The message is for people and holds no secret.</summary>
internal sealed class ToolFailedException : Exception
{
    private const int ErrorCharsMax = 2048;

    private ToolFailedException(ToolCommand command, ToolFailureKind kind, string what, string? error, string advice, Exception? inner = null)
        : base($"{command.Tool} {command.Subcommand}".TrimEnd() + $" {what}{(string.IsNullOrEmpty(error) ? "" : ": " + error)}. {advice}", inner)
    {
        (Tool, Subcommand, Kind, ErrorTail, Advice) = (command.Tool, command.Subcommand, kind, error ?? "", advice);
    }

    /// <summary>The program.</summary>
    public string Tool { get; }

    /// <summary>What it was to do; empty when it has no subcommands.</summary>
    public string Subcommand { get; }

    /// <summary>How it failed.</summary>
    public ToolFailureKind Kind { get; }

    /// <summary>Null when it did not end by itself.</summary>
    public int? ExitCode { get; private init; }

    /// <summary>The end of what it wrote to its standard error, at most 2,048 characters, without credentials of URLs.</summary>
    public string ErrorTail { get; }

    /// <summary>What to try.</summary>
    public string Advice { get; }

    public static ToolFailedException Exited(ToolCommand command, ToolResult result) => new(
        command, ToolFailureKind.Exited, $"ended with exit code {result.ExitCode}", Tail(result.StandardError), "See its message; the same command can be run by hand.")
    {
        ExitCode = result.ExitCode,
    };

    public static ToolFailedException TimedOut(ToolCommand command, string error) => new(
        command, ToolFailureKind.TimedOut, $"took longer than {command.Timeout.TotalSeconds:0.###} s and was ended", Tail(error),
        "Look whether it waits for the network, a disk or a login.");

    public static ToolFailedException Missing(ToolCommand command) => new(
        command, ToolFailureKind.Missing, "could not be started: there is no such program", null,
        $"Install {System.IO.Path.GetFileName(command.Tool)}, or add its folder to PATH, and start the service again.");

    public static ToolFailedException NotStarted(ToolCommand command, Exception reason) => new(
        command, ToolFailureKind.NotStarted, "could not be started", reason.Message, "Check that the program may be executed and that its working directory exists.", reason);

    private static string Tail(string error)
    {
        var text = ToolOutput.WithoutCredentials(error).Trim();
        return text.Length <= ErrorCharsMax ? text : "…" + text[^(ErrorCharsMax - 1)..];
    }
}

/// <summary>How a tool failed.</summary>
internal enum ToolFailureKind
{
    /// <summary>It ended with an exit code that was not wanted.</summary>
    Exited,

    /// <summary>Its time was up.</summary>
    TimedOut,

    /// <summary>There is no such program.</summary>
    Missing,

    /// <summary>The program is there, but could not be started.</summary>
    NotStarted,
}
