using Orchestrator.Contracts.Sessions;
using Orchestrator.Processes;
using Orchestrator.Silo.Configuration;

namespace Orchestrator.Silo.Machines;

/// <summary>What lies in the home, by task id, whether the database knows of it or not. Reads folders and locks; changes nothing.</summary>
internal static class HomeContents
{
    /// <summary>Attempts whose session host lives (its lock is held): <c>task/run.attempt</c>.</summary>
    public static IReadOnlyList<LiveSession> FindLiveSessions(OrchestratorHome home) =>
    [
        .. FoldersIn(home.SessionsPath)
            .SelectMany(task => FoldersIn(task).Where(IsHeld).Select(session => new LiveSession(Path.GetFileName(task), Path.GetFileName(session), session))),
    ];

    /// <summary>Task ids that have a worktree.</summary>
    public static IReadOnlyList<string> FindWorktrees(OrchestratorHome home) => [.. FoldersIn(home.WorktreesPath).Select(folder => Path.GetFileName(folder)!)];

    private static bool IsHeld(string session)
    {
        try
        {
            return FileLock.IsHeld(Path.Combine(session, SessionFiles.Lock));
        }
        catch (IOException)
        {
            // Nobody knows: it is not claimed that somebody lives there.
            return false;
        }
    }

    private static string[] FoldersIn(string path)
    {
        try
        {
            return Directory.Exists(path) ? [.. Directory.GetDirectories(path).Where(folder => Path.GetFileName(folder)[0] is not ('.' or '~'))] : [];
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // Gone meanwhile, or another user's.
            return [];
        }
    }
}

/// <summary>A session that lives.</summary>
/// <param name="TaskId">Its task, by the folder's name.</param>
/// <param name="Attempt"><c>run.attempt</c>, by the folder's name.</param>
/// <param name="Path">Its folder.</param>
internal sealed record LiveSession(string TaskId, string Attempt, string Path);
