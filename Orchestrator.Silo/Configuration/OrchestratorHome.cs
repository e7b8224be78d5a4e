namespace Orchestrator.Silo.Configuration;

/// <summary>Where everything is that is kept (<c>ORCHESTRATOR_HOME</c>, default <c>~/.orchestrator</c>).</summary>
/// <param name="path">An absolute path, made absolute when it is not.</param>
internal sealed class OrchestratorHome(string path)
{
    /// <summary>The folder, absolute.</summary>
    public string Root { get; } = Path.GetFullPath(path);

    /// <summary>The database.</summary>
    public string DatabasePath => Path.Combine(Root, "orchestrator.db");

    /// <summary>Backups of the database: <c>orchestrator-yyyyMMddTHHmmssZ.db</c>, UTC.</summary>
    public string BackupsPath => Path.Combine(Root, "backups");

    /// <summary>Locked while a service runs on this home.</summary>
    public string LockPath => Path.Combine(Root, "lock");

    /// <summary>Who holds <see cref="LockPath"/>: JSON with <c>pid</c>, <c>port</c>, <c>url</c> and <c>startedAt</c>.</summary>
    public string ServicePath => Path.Combine(Root, "service.json");

    /// <summary>Mirrors: <c>owner/name.git</c>.</summary>
    public string RepositoriesPath => Path.Combine(Root, "repositories");

    /// <summary>Worktrees: one folder for each task id.</summary>
    public string WorktreesPath => Path.Combine(Root, "worktrees");

    /// <summary>Session folders: <c>taskId/run.attempt</c>.</summary>
    public string SessionsPath => Path.Combine(Root, "sessions");

    /// <summary>What is not provably ours and finished, put aside.</summary>
    public string QuarantinePath => Path.Combine(Root, "quarantine");

    /// <summary>tmux sockets, under short names.</summary>
    public string SocketsPath => Path.Combine(Root, "s");
}
