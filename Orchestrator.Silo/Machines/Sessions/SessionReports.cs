using System.Text;
using System.Text.Json;
using Orchestrator.Contracts.Sessions;
using Orchestrator.Interfaces.Machines;
using Orchestrator.Silo.Agents;

namespace Orchestrator.Silo.Machines.Sessions;

/// <summary>Says how a session ended, from what its host and agent left.</summary>
internal sealed partial class SessionReports(IAgentTable agents, TimeProvider clock, ILogger<SessionReports> logger)
{
    private const int TailBytes = 64 * 1024, TailLinesMax = 20, TailCharsMax = 2000;

    public SessionEndedReport Create(SessionFolder folder, SessionEnd end, string workerType, Worktree? worktree)
    {
        if (end.Exit is not { } exit)
        {
            var failure = end.Kind == SessionEndKind.Lost
                ? new MachineFailure("The session's host is gone and left no word: it was killed, or the machine was restarted.")
                : null;
            return new(folder.Session, end.Kind, clock.GetUtcNow(), Report: ReadReport(folder, workerType, worktree), Failure: failure, WasStopped: folder.Has(SessionFiles.Stop));
        }

        return new(
            folder.Session, end.Kind, exit.EndedAt, exit.ExitCode, exit.Signal, exit.WasStopped,
            end.Kind == SessionEndKind.Exited ? ReadReport(folder, workerType, worktree) : null,
            end.Kind == SessionEndKind.SetupFailed ? FailureOf(folder, exit) : null);
    }

    /// <summary>Null when no agent ran, or what it left cannot be read.</summary>
    private AgentReport? ReadReport(SessionFolder folder, string workerType, Worktree? worktree)
    {
        if (!folder.Has(SessionFiles.Events)) return null;
        try
        {
            return agents.ReadReport(workerType, folder.Path, worktree?.Path);
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            // Whatever an agent left there: that it ended must be told in any case.
            LogNoReport(error, folder.Session);
            return null;
        }
    }

    private static MachineFailure FailureOf(SessionFolder folder, SessionExit exit)
    {
        if (exit.Kind == SessionExitKind.AgentNotStarted)
            return new(exit.Message ?? "The agent could not be started.", "Install the agent's program, or correct its path in the service's settings.", MachineFailureKind.Machine);
        var tail = TailOf(folder.PathOf(SessionFiles.Events), "setup");
        var message = exit.Message ?? "The setup script failed.";
        return new(tail.Length == 0 ? message : $"{message} Its last lines:\n{tail}", $"Correct {SessionPreparation.SetupScript} in the repository; run it by hand in the worktree to see what fails.");
    }

    /// <summary>The last lines that a source printed; empty when they cannot be read.</summary>
    private static string TailOf(string path, string source)
    {
        try
        {
            return ReadTail(path, source);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }

    private static string ReadTail(string path, string source)
    {
        if (!File.Exists(path)) return "";
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        file.Seek(-Math.Min(file.Length, TailBytes), SeekOrigin.End);
        using var reader = new StreamReader(file, Encoding.UTF8);
        var lines = new Queue<string>();
        while (reader.ReadLine() is { } line)
        {
            if (ParseOrNull(line) is not { } said || said.Source != source) continue;
            lines.Enqueue(said.Text);
            if (lines.Count > TailLinesMax) lines.Dequeue();
        }

        var tail = string.Join('\n', lines);
        return tail.Length <= TailCharsMax ? tail : "…" + tail[^TailCharsMax..];
    }

    private static SessionEvent? ParseOrNull(string line)
    {
        try
        {
            return JsonSerializer.Deserialize(line, SessionJsonContext.Default.SessionEvent);
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            // The first line of the tail is cut through, and a full disk may have cut another.
            return null;
        }
    }

    [LoggerMessage(1, LogLevel.Warning, "Session {Session}: what its agent said cannot be read")]
    private partial void LogNoReport(Exception error, SessionName session);
}
