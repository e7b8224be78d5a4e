using Orleans;

namespace Orchestrator.Interfaces.Machines;

/// <summary>
/// The only way to a machine; the key is its name. Every command returns at once, may be repeated, and is answered by a one-way call to the task: by the
/// work's end, or at once when it has been done before.
/// </summary>
public interface IMachineGrain : IGrainWithStringKey
{
    /// <summary>Makes the worktree, or finds it made. Answered by <c>IAgentTaskGrain.WorktreePrepared</c>.</summary>
    Task PrepareAsync(WorktreeRequest request);

    /// <summary>
    /// Starts the session, or adopts it when it runs, and watches it. Answered by <c>IAgentTaskGrain.SessionStarted</c>, then <c>SessionEnded</c>; by the latter alone when it
    /// cannot be started or is over.
    /// </summary>
    Task StartAsync(SessionRequest request);

    /// <summary>Watches a session that was started before. Answered by <c>IAgentTaskGrain.SessionEnded</c> when it ends.</summary>
    Task WatchAsync(SessionName session, string workerType, Worktree worktree);

    /// <summary>Stops a session, whatever it is at: interrupt, after the grace kill, every descendant. Answered by <c>IAgentTaskGrain.SessionEnded</c>.</summary>
    Task StopAsync(SessionName session, string workerType, Worktree? worktree, string reason);

    /// <summary>Asks git about the work. Answered by <c>IAgentTaskGrain.WorkCollected</c>.</summary>
    Task CollectAsync(SessionName session, Worktree worktree);

    /// <summary>Keeps the worktree of an ended run and lets go of its branch, so that another task can go on with it. Answered by <c>IAgentTaskGrain.WorktreeSettled</c>.</summary>
    Task KeepWorktreeAsync(SessionName session, Worktree worktree);

    /// <summary>Removes the worktree; what is not pushed or committed is saved to a salvage ref first, and nothing is removed when that fails. Answered by <c>IAgentTaskGrain.WorktreeRemoved</c>.</summary>
    Task RemoveWorktreeAsync(SessionName session, Worktree worktree);

    /// <summary>Looks whether an ended run left a worktree of which its task never heard; one that was never ready is removed. Answered by <c>IAgentTaskGrain.WorktreeFound</c>.</summary>
    Task FindWorktreeAsync(SessionName session, string repository);
}

/// <summary>The names of machines.</summary>
public static class MachineNames
{
    /// <summary>The machine that the service runs on.</summary>
    public const string Local = "local";
}

/// <summary>One start of an agent. Names of folders, sockets and salvage refs derive from it.</summary>
/// <param name="TaskId">The task.</param>
/// <param name="Run">The run, from 1.</param>
/// <param name="Attempt">The attempt within the run, from 1.</param>
[GenerateSerializer, Immutable]
public sealed record SessionName(string TaskId, int Run, int Attempt)
{
    /// <summary><c>task/run.attempt</c>, the folder under <c>sessions/</c>.</summary>
    public override string ToString() => $"{TaskId}/{Run}.{Attempt}";
}

/// <summary>A worktree to be made.</summary>
/// <param name="Session">For which attempt.</param>
/// <param name="Repository"><c>owner/name</c>.</param>
/// <param name="BaseBranch">The branch to start from; null means the repository's default branch.</param>
/// <param name="ContinuationBranch">An existing branch to go on with; null means a new branch <c>task/&lt;taskId&gt;</c>.</param>
/// <param name="AcceptedAt">A fetch that began later than this need not be repeated. UTC.</param>
[GenerateSerializer, Immutable]
public sealed record WorktreeRequest(SessionName Session, string Repository, string? BaseBranch, string? ContinuationBranch, DateTimeOffset AcceptedAt);

/// <summary>A worktree that is there.</summary>
/// <param name="Repository"><c>owner/name</c>.</param>
/// <param name="Path">Its folder.</param>
/// <param name="Branch">The branch that is checked out in it.</param>
/// <param name="BaseBranch">The branch it started from.</param>
/// <param name="BaseSha">The commit it started from, 40 hex digits; work is counted from here.</param>
[GenerateSerializer, Immutable]
public sealed record Worktree(string Repository, string Path, string Branch, string BaseBranch, string BaseSha);

/// <summary>The answer to <see cref="IMachineGrain.PrepareAsync"/> and <see cref="IMachineGrain.FindWorktreeAsync"/>, to which it is null without a failure when there is none.</summary>
/// <param name="Session">For which attempt.</param>
/// <param name="Worktree">The worktree; null when it failed.</param>
/// <param name="Failure">Why it failed; null when it did not.</param>
/// <param name="Note">For the timeline, such as that the fetch failed but the base was there; null: none.</param>
/// <param name="BlockedBy">The task that works on the branch that this one wants to go on with; null: none does.</param>
[GenerateSerializer, Immutable]
public sealed record WorktreeReport(SessionName Session, Worktree? Worktree, MachineFailure? Failure, string? Note = null, string? BlockedBy = null);

/// <summary>What went wrong on the machine.</summary>
/// <param name="Message">What happened, to what, for people. No secrets.</param>
/// <param name="ManualSteps">What to do; null when nobody knows.</param>
/// <param name="Kind">Who can do something about it.</param>
[GenerateSerializer, Immutable]
public sealed record MachineFailure(string Message, string? ManualSteps = null, MachineFailureKind Kind = MachineFailureKind.Request);

/// <summary>Who can do something about a <see cref="MachineFailure"/>. The numbers are stored and never reused.</summary>
public enum MachineFailureKind
{
    /// <summary>Whoever sent the task: a repository or branch that is not there, a setup script that fails.</summary>
    Request = 1,

    /// <summary>Whoever runs the machine: git, tmux or an agent program is missing, no access, disk full.</summary>
    Machine = 2,

    /// <summary>Nobody has to: the network or the remote fails for now, something took too long.</summary>
    Passing = 3,
}

/// <summary>An agent to be started.</summary>
/// <param name="Session">The attempt.</param>
/// <param name="RequestJson">The task's request: JSON of <c>Orchestrator.Contracts.AgentTasks.TaskRequest</c>.</param>
/// <param name="Worktree">Where it works.</param>
/// <param name="AgentSessionId">The agent's own session id: a new one, or that of the conversation to resume.</param>
/// <param name="IsResume">Whether to resume that conversation.</param>
/// <param name="FollowUp">What to say instead of the task's prompt; null: the prompt.</param>
/// <param name="CostUsdLeft">What it may still cost, US dollars; null: no limit.</param>
/// <param name="TurnsLeft">Turns it may still take; null: no limit.</param>
[GenerateSerializer, Immutable]
public sealed record SessionRequest(
    SessionName Session, string RequestJson, Worktree Worktree, string AgentSessionId, bool IsResume, string? FollowUp, double? CostUsdLeft, int? TurnsLeft);

/// <summary>Where people can watch.</summary>
/// <param name="Name">The tmux session's name, <c>cc-task-&lt;taskId&gt;</c>.</param>
/// <param name="AttachCommand">The command that shows it.</param>
[GenerateSerializer, Immutable]
public sealed record TerminalSession(string Name, string AttachCommand);

/// <summary>The agent runs.</summary>
/// <param name="Session">The attempt.</param>
/// <param name="StartedAt">Since when, UTC.</param>
/// <param name="Agent">The agent's name in the agents table.</param>
/// <param name="CanResume">Whether its conversation can be resumed by its session id.</param>
/// <param name="Terminal">Where people can watch.</param>
[GenerateSerializer, Immutable]
public sealed record SessionStartedReport(SessionName Session, DateTimeOffset StartedAt, string Agent, bool CanResume, TerminalSession Terminal);

/// <summary>How a session ended. The numbers are stored and never reused.</summary>
public enum SessionEndKind
{
    /// <summary>The agent ran and ended; see exit code and report.</summary>
    Exited = 1,

    /// <summary>Setup script, agent program or terminal failed before the agent ran.</summary>
    SetupFailed = 2,

    /// <summary>It never started, because it was stopped before.</summary>
    NotStarted = 3,

    /// <summary>Its host is gone and left no word: machine restarted, or host killed. Nothing of it lives any more.</summary>
    Lost = 4,

    /// <summary>The worktree is gone, so that nothing was started.</summary>
    WorktreeLost = 5,
}

/// <summary>A session is over.</summary>
/// <param name="Session">The attempt.</param>
/// <param name="Kind">How it ended.</param>
/// <param name="EndedAt">UTC; when it was noticed, for a lost one.</param>
/// <param name="ExitCode">The agent's exit code; null when it did not exit by itself.</param>
/// <param name="Signal">The signal that ended the agent; null: none.</param>
/// <param name="WasStopped">Whether it was told to stop.</param>
/// <param name="Report">What the agent said of itself; null when it did not run.</param>
/// <param name="Failure">What went wrong; null when nothing did.</param>
[GenerateSerializer, Immutable]
public sealed record SessionEndedReport(
    SessionName Session, SessionEndKind Kind, DateTimeOffset EndedAt, int? ExitCode = null, int? Signal = null, bool WasStopped = false, AgentReport? Report = null, MachineFailure? Failure = null);

/// <summary>What an agent's output says, read by the rules of its row in the agents table.</summary>
[GenerateSerializer, Immutable]
public sealed record AgentReport
{
    /// <summary>Whether the agent printed anything at all.</summary>
    [Id(0)] public required bool HasOutput { get; init; }

    /// <summary>Whether it said that it has finished (a <c>result</c>); always true for agents whose exit code alone counts.</summary>
    [Id(1)] public required bool HasResult { get; init; }

    /// <summary>Whether it said that it failed.</summary>
    [Id(2)] public required bool IsError { get; init; }

    /// <summary>What it said at the end; null when nothing.</summary>
    [Id(3)] public string? Summary { get; init; }

    /// <summary>The kind of its failure; <see cref="AgentErrorKind.None"/> when it succeeded.</summary>
    [Id(4)] public AgentErrorKind ErrorKind { get; init; }

    /// <summary>Its failure in its own words; null when it succeeded.</summary>
    [Id(5)] public string? ErrorMessage { get; init; }

    /// <summary>What it used.</summary>
    [Id(6)] public AgentTasks.AgentUsage Usage { get; init; } = AgentTasks.AgentUsage.None;

    /// <summary>The agent's own session id, as it says it; null when it does not.</summary>
    [Id(7)] public string? AgentSessionId { get; init; }

    /// <summary>How many tools it was not allowed to use.</summary>
    [Id(8)] public int PermissionDenials { get; init; }

    /// <summary>A JSON object with the result members that it reported, allow-listed and typed; null when it reported none.</summary>
    [Id(9)] public string? ReportedJson { get; init; }

    /// <summary>Whether <see cref="HasResult"/> is the agent's own word; false when it is concluded from the exit code.</summary>
    [Id(10)] public bool HasSaidResult { get; init; }

    /// <summary>With <see cref="AgentErrorKind.UsageLimit"/>: when the account may be used again, UTC. Null when it does not say so in a form that is known, or says what cannot be.</summary>
    [Id(11)] public DateTimeOffset? LimitResetsAt { get; init; }
}

/// <summary>Kinds of an agent's failure.</summary>
public enum AgentErrorKind
{
    /// <summary>No failure.</summary>
    None = 0,

    /// <summary>The agent's own: it gave up, or something in its work failed.</summary>
    Own = 1,

    /// <summary>The model's API failed for now: overload, server errors, network.</summary>
    Overload = 2,

    /// <summary>The model's API refused for good: login, credit, unknown model.</summary>
    Refused = 3,

    /// <summary>Its limit of turns or cost is reached.</summary>
    Budget = 4,

    /// <summary>There is no such conversation to resume.</summary>
    ResumeImpossible = 5,

    /// <summary>The account's usage limit is reached.</summary>
    UsageLimit = 6,
}

/// <summary>What git says about the work.</summary>
/// <param name="Session">The attempt.</param>
/// <param name="CommitCount">Commits beyond the base.</param>
/// <param name="Commits">The oldest 100 of them, oldest first.</param>
/// <param name="Diff">Base against the branch's head; null when it could not be counted.</param>
/// <param name="IsDirty">Whether the worktree has work that is not committed.</param>
/// <param name="Failure">Why it cannot be said; <see cref="IsLost"/> tells whether the worktree is gone. Null when all went well.</param>
/// <param name="IsLost">The worktree is gone.</param>
/// <param name="Branch">The branch that has the work, when the agent went to another one than the worktree's and has more commits there; null: the worktree's.</param>
[GenerateSerializer, Immutable]
public sealed record WorkReport(
    SessionName Session, int CommitCount, IReadOnlyList<AgentTasks.CommitDetail> Commits, AgentTasks.DiffStat? Diff, bool IsDirty, MachineFailure? Failure = null, bool IsLost = false,
    string? Branch = null);
