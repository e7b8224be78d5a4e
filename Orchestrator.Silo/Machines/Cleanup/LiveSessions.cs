using System.Text;
using Orchestrator.Contracts.Sessions;
using Orchestrator.Processes;
using Orchestrator.Silo.Configuration;

namespace Orchestrator.Silo.Machines.Cleanup;

/// <summary>Tells what of a task lives on this machine, whatever database or grain say: locks of session hosts, and processes with a session's marker.</summary>
internal sealed class LiveSessions(OrchestratorHome home)
{
    /// <summary>For people: what of the task lives; null when nothing does.</summary>
    /// <param name="taskId">A task id, or the name of a folder that stands where those of tasks are.</param>
    public string? FindAlive(string taskId) => FindHeldLock(taskId) is { } session ? $"session {session}" : FindProcess(taskId) is { } pid ? $"process {pid}" : null;

    /// <summary>For people: any session of this home that lives; null when none does.</summary>
    public string? FindAnyAlive() => FindAnyHeldLock(_ => true) is { } session ? $"session {session}" : FindProcessOf($"{home.SessionsPath}/") is { } pid ? $"process {pid}" : null;

    /// <summary>A session whose host lives; null: none.</summary>
    /// <param name="isWanted">Says which tasks count.</param>
    public string? FindAnyHeldLock(Func<string, bool> isWanted) =>
        HomeContents.FindLiveSessions(home).FirstOrDefault(session => isWanted(session.TaskId)) is { } session ? $"{session.TaskId}/{session.Attempt}" : null;

    /// <summary>The session of the task whose host lives; null: none.</summary>
    public string? FindHeldLock(string taskId)
    {
        var folder = Path.Combine(home.SessionsPath, taskId);
        if (!Directory.Exists(folder)) return null;
        var held = Directory.EnumerateDirectories(folder).FirstOrDefault(session => FileLock.IsHeld(Path.Combine(session, SessionFiles.Lock)));
        return held is null ? null : $"{taskId}/{Path.GetFileName(held)}";
    }

    /// <summary>A process of one of the task's sessions; null: none.</summary>
    public int? FindProcess(string taskId) => FindProcessOf($"{Path.Combine(home.SessionsPath, taskId)}/");

    /// <summary>A process whose working directory is in that folder, such as a person's shell; null: none, or it cannot be seen.</summary>
    public static int? FindVisitor(string folder)
    {
        if (!OperatingSystem.IsLinux()) return null;
        foreach (var process in ProcessTable.ReadAll())
        {
            try
            {
                if (new FileInfo($"/proc/{process.Pid}/cwd").LinkTarget is { } place && (place == folder || place.StartsWith(folder + "/", StringComparison.Ordinal))) return process.Pid;
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                // Gone, or another user's.
            }
        }

        return null;
    }

    private static int? FindProcessOf(string sessions)
    {
        var marker = Encoding.UTF8.GetBytes($"{ProcessTree.MarkerName}={sessions}");
        foreach (var process in ProcessTable.ReadAll())
            if (!process.IsEnded && !ProcessTable.IsOfKernel(process) && process.Pid != Environment.ProcessId && ProcessTable.HasVariable(process.Pid, marker, isBeginning: true)) return process.Pid;
        return null;
    }
}
