namespace Orchestrator.Silo.Machines.Git;

/// <summary>How git is run. Not in <c>orchestrator.json</c>: for tests, and for who must.</summary>
internal sealed class GitOptions
{
    /// <summary>The program: a name that is looked up in <c>PATH</c>, or an absolute path. Git 2.31 or newer.</summary>
    public string Program { get; set; } = "git";

    /// <summary>How long a fetch may take, the first one of a repository included. Default 10 minutes.</summary>
    public TimeSpan FetchTimeout { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>How long any other git command may take. Default 2 minutes.</summary>
    public TimeSpan CommandTimeout { get; set; } = TimeSpan.FromMinutes(2);
}
