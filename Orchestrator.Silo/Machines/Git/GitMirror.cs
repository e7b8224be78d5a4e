namespace Orchestrator.Silo.Machines.Git;

/// <summary>Where the parts of a repository's mirror are: a bare repository whose <c>refs/heads/</c> holds the branches of tasks only, and <c>refs/remotes/origin/</c> those of the remote.</summary>
/// <param name="Repository"><c>owner/name</c>.</param>
/// <param name="Path">Its folder.</param>
/// <param name="Url">Where it is fetched from; may hold credentials.</param>
internal sealed record GitMirror(string Repository, string Path, string Url)
{
    /// <summary>What git calls the remote.</summary>
    public const string Remote = "origin";

    /// <summary>The remote's branches, here.</summary>
    public const string RemoteRefs = "refs/remotes/origin/";

    /// <summary>Its configuration.</summary>
    public string ConfigPath => At("config");

    /// <summary>What we keep beside git's own files.</summary>
    public string OwnFolder => At("orchestrator");

    /// <summary>What we know of the worktree of a task.</summary>
    public string RecordPath(string taskId) => At("orchestrator", "worktrees", taskId + ".json");

    /// <summary>What git knows of the worktree of a task. Git names it after the worktree's folder, and so after the task.</summary>
    public string AdminFolder(string taskId) => At("worktrees", taskId);

    /// <summary>A file in it.</summary>
    public string At(params ReadOnlySpan<string> parts) => System.IO.Path.Combine([Path, .. parts]);

    /// <summary>The URL without credentials, for people.</summary>
    public string ShownUrl => Processes.ToolOutput.WithoutCredentials(Url);
}
