using Orchestrator.Interfaces.Callbacks;
using Orchestrator.Interfaces.Capacity;
using Orchestrator.Interfaces.Machines;
using Orleans;
using Orleans.Concurrency;

namespace Orchestrator.Interfaces.AgentTasks;

/// <summary>One agent task; the key is its task id. The one writer of the task's life.</summary>
public interface IAgentTaskGrain : IGrainWithStringKey
{
    /// <summary>Takes the task on, once: the same request again is accepted again and starts nothing. When it is accepted, it is stored.</summary>
    Task<SubmitResult> SubmitAsync(AgentTaskSubmission submission, CancellationToken cancellationToken);

    /// <summary>Ends the task as cancelled, at once; what runs is stopped behind it. Again while it stops: the same answer.</summary>
    Task<CancelResult> CancelAsync();

    /// <summary>Gives the task another place in the line.</summary>
    /// <param name="priority">-100 to 100; higher goes first.</param>
    Task<PriorityResult> ReprioritizeAsync(int priority);

    /// <summary>Ends the hold of a task whose account's usage limit was reached, before its time: it joins the line. False when it is not held.</summary>
    Task<bool> EndHoldAsync();

    /// <summary>The task, or null when there is none under this id.</summary>
    Task<AgentTaskSnapshot?> GetAsync();

    /// <summary>Wakes the task after a start of the service and takes up what it owes. False when nothing is stored under this id: then its row is dropped.</summary>
    Task<bool> WakeAsync();

    /// <summary>A task that this one depends on has ended; the catalog says how.</summary>
    [OneWay]
    Task DependencyEnded();

    /// <summary>The pool has given the task a slot.</summary>
    [OneWay]
    Task SlotGranted(Lease lease);

    /// <summary>The worktree is there, or cannot be made.</summary>
    [OneWay]
    Task WorktreePrepared(WorktreeReport report);

    /// <summary>The agent runs.</summary>
    [OneWay]
    Task SessionStarted(SessionStartedReport report);

    /// <summary>The session is over, and every process of it is gone.</summary>
    [OneWay]
    Task SessionEnded(SessionEndedReport report);

    /// <summary>The session has shown no sign of life since then (UTC): no output, no work of its processes. Repeated as long as that is so.</summary>
    [OneWay]
    Task SessionStalled(SessionName session, DateTimeOffset since);

    /// <summary>What the agent of a session that still runs says it has used so far. Repeated as it grows.</summary>
    [OneWay]
    Task SessionUsed(SessionName session, AgentUsage usage);

    /// <summary>What git says about the work.</summary>
    [OneWay]
    Task WorkCollected(WorkReport report);

    /// <summary>
    /// Lets the kept worktree of an ended task go: it is removed behind the answer, what is not pushed saved first, and <see cref="AgentTaskSnapshot"/> tells when it is gone or why it had to stay.
    /// </summary>
    /// <param name="expected">Only when this is the task's latest session; null: whatever it is.</param>
    /// <param name="reason">For the timeline.</param>
    Task<WorktreeRelease> ReleaseWorktreeAsync(SessionName? expected, string reason);

    /// <summary>Another task waits for the branch that this one's kept worktree has checked out. One that has not ended keeps it.</summary>
    [OneWay]
    Task BranchWanted();

    /// <summary>The worktree of the ended run has let go of its branch; or that failed, and why.</summary>
    [OneWay]
    Task WorktreeSettled(SessionName session, string? problem);

    /// <summary>The worktree of the ended run was removed; or that failed, and why.</summary>
    [OneWay]
    Task WorktreeRemoved(SessionName session, string? problem);

    /// <summary>What became of a worktree that was perhaps made, and of which the task never heard before its run ended; or that this cannot be said, and why.</summary>
    [OneWay]
    Task WorktreeFound(WorktreeReport report);

    /// <summary>A callback was delivered, or given up.</summary>
    [OneWay]
    Task CallbackSettled(string callbackId, CallbackState state);
}

/// <summary>A request to take a task on.</summary>
/// <param name="RequestJson">The validated request: JSON of <c>Orchestrator.Contracts.AgentTasks.TaskRequest</c>.</param>
/// <param name="RequestSha256">Lower-case hex; two requests of one task id are the same when this is.</param>
/// <param name="TraceId">The caller's <c>X-Trace-Id</c>; null when it sent none.</param>
[GenerateSerializer, Immutable]
public sealed record AgentTaskSubmission(string RequestJson, string RequestSha256, string? TraceId);

/// <summary>The answer to a submission.</summary>
public enum SubmitOutcome
{
    /// <summary>Taken and stored, now or before.</summary>
    Accepted = 1,

    /// <summary>Another request is stored under this task id.</summary>
    Conflict = 2,

    /// <summary>Not taken, nothing stored.</summary>
    Refused = 3,
}

/// <summary>The answer to a submission.</summary>
/// <param name="Outcome">Yes, conflict or no.</param>
/// <param name="Refusal">Why it was refused; null unless it was.</param>
/// <param name="Detail">For people, on a conflict: what is in the way.</param>
[GenerateSerializer, Immutable]
public sealed record SubmitResult(SubmitOutcome Outcome, AdmissionRefusal? Refusal = null, string? Detail = null)
{
    /// <summary>Taken and stored.</summary>
    public static SubmitResult Accepted { get; } = new(SubmitOutcome.Accepted);
}

/// <summary>The answer to a cancellation.</summary>
public enum CancelResult
{
    /// <summary>Cancelled; what runs is being stopped.</summary>
    Cancelled = 1,

    /// <summary>No such task.</summary>
    NotFound = 2,

    /// <summary>It had ended before, or has stopped meanwhile.</summary>
    AlreadyCompleted = 3,
}

/// <summary>The answer to another priority.</summary>
/// <param name="Outcome">Whether it was given.</param>
/// <param name="QueuePosition">The place in the line then, from 1; null when the task is not in the line.</param>
[GenerateSerializer, Immutable]
public sealed record PriorityResult(PriorityOutcome Outcome, int? QueuePosition = null);

/// <summary>The answer to another priority.</summary>
public enum PriorityOutcome
{
    /// <summary>It has it now.</summary>
    Changed = 1,

    /// <summary>No such task.</summary>
    NotFound = 2,

    /// <summary>It has ended.</summary>
    AlreadyCompleted = 3,
}

/// <summary>The answer to <see cref="IAgentTaskGrain.ReleaseWorktreeAsync"/>.</summary>
public enum WorktreeRelease
{
    /// <summary>It is being removed.</summary>
    Released = 1,

    /// <summary>There is none any more, or never was.</summary>
    Gone = 2,

    /// <summary>The task has not ended, or something of its end is still to be done.</summary>
    Active = 3,

    /// <summary>No such task.</summary>
    Unknown = 4,
}
