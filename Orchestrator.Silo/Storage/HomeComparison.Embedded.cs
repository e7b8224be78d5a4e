using Orchestrator.Contracts.AgentTasks;
using Orchestrator.EmbeddedSilo.Storage;
using Orchestrator.Silo.Configuration;
using Orchestrator.Silo.Health;
using Orchestrator.Silo.Machines;
using Orleans.Runtime;

namespace Orchestrator.Silo.Storage;

/// <summary>
/// Compares the home with the database at the start: after a backup was restored, or commits were lost, agents may live that no task knows of. They are reported, and neither ended nor counted;
/// the same task, sent again, takes its agent up. Looked at again each minute while there is something to report.
/// </summary>
internal sealed partial class HomeComparison(SqliteDatabase database, OrchestratorHome home, IHostApplicationLifetime lifetime, TimeProvider clock, ILogger<HomeComparison> log)
    : BackgroundService, IHealthNotes
{
    private const string CheckName = "home";
    private const int NamesMax = 20;
    private static readonly TimeSpan Period = TimeSpan.FromMinutes(1);

    private volatile UnknownContents _unknown = new([], []);

    /// <summary>What the last look found.</summary>
    public UnknownContents Unknown => _unknown;

    public IReadOnlyList<HealthCheckView> Notes => _unknown is { IsEmpty: false } unknown
        ? [new(CheckName, unknown.Sessions.Count == 0, $"{unknown.Sessions.Count} sessions live and {unknown.Worktrees.Count} worktrees lie here that the database does not know; the service's log names them")]
        : [];

    /// <summary>Tasks run beside what is not known.</summary>
    public bool IsSound => true;

    /// <summary>Looks now.</summary>
    public UnknownContents Look()
    {
        var (sessions, worktrees) = (HomeContents.FindLiveSessions(home), HomeContents.FindWorktrees(home));
        return database.Read(session => new UnknownContents([.. sessions.Where(live => !IsKnown(session, live.TaskId))], [.. worktrees.Where(taskId => !IsKnown(session, taskId))]));
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await lifetime.StartedAsync(stoppingToken);
        do
        {
            try
            {
                var found = await Task.Run(Look, stoppingToken);
                if (found.Sessions.Count > 0 && !found.Sessions.SequenceEqual(_unknown.Sessions))
                    LogSessions(log, found.Sessions.Count, string.Join(", ", found.Sessions.Take(NamesMax).Select(session => $"{session.TaskId}/{session.Attempt}")), home.SessionsPath);
                if (found.Worktrees.Count > 0 && _unknown.Worktrees.Count == 0) LogWorktrees(log, found.Worktrees.Count, string.Join(", ", found.Worktrees.Take(NamesMax)), home.WorktreesPath);
                _unknown = found;
            }
            catch (Exception exception) when (exception is OrleansException)
            {
                // A database that cannot be read is told of by others.
                LogFailed(log, exception);
            }
        }
        while (!_unknown.IsEmpty && await WaitAsync(stoppingToken));
    }

    private async Task<bool> WaitAsync(CancellationToken stoppingToken)
    {
        await Task.Delay(Period, clock, stoppingToken);
        return true;
    }

    private static bool IsKnown(SqliteSession session, string taskId) => session.Scalar("SELECT 1 FROM agent_task WHERE task_key = lower(?1)", taskId) is not null;

    [LoggerMessage(170, LogLevel.Error, "{Count} sessions live whose tasks the database does not know: {Sessions}. They are left alone: the same task, sent again, takes its agent up; SIGTERM to the host in "
        + "{Folder}/…/started.json ends one.")]
    private static partial void LogSessions(ILogger logger, int count, string sessions, string folder);

    [LoggerMessage(171, LogLevel.Warning, "{Count} worktrees lie in {Folder} whose tasks the database does not know: {Worktrees}. Those that are in use are left alone; "
        + "the others are saved, and put into quarantine a day after their sessions' end.")]
    private static partial void LogWorktrees(ILogger logger, int count, string worktrees, string folder);

    [LoggerMessage(172, LogLevel.Warning, "The home could not be compared with the database.")]
    private static partial void LogFailed(ILogger logger, Exception exception);
}

/// <summary>What lies in the home and is not in the database.</summary>
/// <param name="Sessions">Sessions that live.</param>
/// <param name="Worktrees">Task ids of worktrees.</param>
internal sealed record UnknownContents(IReadOnlyList<LiveSession> Sessions, IReadOnlyList<string> Worktrees)
{
    public bool IsEmpty => Sessions.Count == 0 && Worktrees.Count == 0;
}
