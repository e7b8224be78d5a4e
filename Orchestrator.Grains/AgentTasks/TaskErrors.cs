using System.Globalization;
using Orchestrator.Interfaces.AgentTasks;
using Orchestrator.Interfaces.Machines;

namespace Orchestrator.Grains.AgentTasks;

/// <summary>Every error that a task can end with: codes are the wire contract's and never change their meaning.</summary>
internal static class TaskErrors
{
    public const string AgentFailed = "AGENT_FAILED";
    public const string SetupFailed = "SETUP_FAILED";
    public const string InfraFailure = "WORKER_INFRA_FAILURE";
    public const string ResumeFailed = "RESUME_ATTEMPT_FAILED";
    public const string WorktreeLost = "WORKTREE_LOST";
    public const string BudgetExhausted = "BUDGET_EXHAUSTED";
    public const string Inactivity = "TASK_INACTIVITY_TIMEOUT";
    public const string QueueExpired = "QUEUE_EXPIRED";
    public const string DependencyFailed = "DEPENDENCY_FAILED";
    public const string PlanningUnclear = "PLANNING_AGENT_UNCLEAR";
    public const string VerificationFailed = "TASK_COMPLETION_VERIFICATION_FAILED";

    private const int InfraRetryAfterSeconds = 60;

    /// <param name="failure">What went wrong; null when that is not known.</param>
    /// <param name="worktree">Null when there is none.</param>
    public static TaskError Setup(MachineFailure? failure, Worktree? worktree)
    {
        var (action, retryAfterSeconds) = failure?.Kind switch
        {
            MachineFailureKind.Machine => ("contact_support", (int?)null),
            MachineFailureKind.Passing => ("retry", InfraRetryAfterSeconds),
            _ => ("fix_code", null),
        };
        return new(
            SetupFailed, failure?.Message ?? "The worktree or the session could not be made.",
            new Remediation(action, retryAfterSeconds, failure?.ManualSteps, worktree?.Path));
    }

    public static TaskError Agent(string message, Worktree? worktree) => new(AgentFailed, message, new Remediation("retry", WorktreePath: worktree?.Path));

    public static TaskError Infra(string message, Worktree? worktree) =>
        new(InfraFailure, message, new Remediation("retry", InfraRetryAfterSeconds, WorktreePath: worktree?.Path));

    public static TaskError Resume(string message, Worktree? worktree) => new(
        ResumeFailed, message, new Remediation("retry", ManualSteps: "Send the task again under a new task id; the work so far is in the worktree.", WorktreePath: worktree?.Path));

    public static TaskError Lost(Worktree worktree) => new(
        WorktreeLost, $"The worktree '{worktree.Path}' is gone.", new Remediation("retry", ManualSteps: $"Look for the work on branch '{worktree.Branch}' of the mirror and under refs/orchestrator/salvage/."));

    public static TaskError Budget(string message, Worktree? worktree) => new(BudgetExhausted, message, new Remediation("retry_smaller", WorktreePath: worktree?.Path));

    /// <param name="silence">How long the last session was silent.</param>
    /// <param name="resumes">How often the agent was started again before.</param>
    /// <param name="worktree">Where the work is.</param>
    public static TaskError Inactive(TimeSpan silence, int resumes, Worktree? worktree) => new(
        Inactivity, string.Create(CultureInfo.InvariantCulture, $"No sign of life for {silence.TotalMinutes:0.##} minutes, after {resumes} resumes: no output, and no work of the agent's processes."),
        new Remediation("retry", ManualSteps: "Look at the transcript for what it waited for. INACTIVITY_MINUTES says how long an agent may be silent.", WorktreePath: worktree?.Path));

    /// <param name="ttl">How long it may wait.</param>
    /// <param name="waitedFor">What it waited for in the end, such as <c>branch feature</c>; null: a slot.</param>
    public static TaskError Expired(TimeSpan ttl, string? waitedFor) => new(
        QueueExpired, string.Create(CultureInfo.InvariantCulture, $"It waited longer than {ttl.TotalHours:0.##} h for {waitedFor ?? "a slot"}."),
        new Remediation("wait", InfraRetryAfterSeconds, waitedFor is null
            ? "Raise WORKER_CAPACITY or QUEUE_TTL_HOURS, or send fewer tasks."
            : "Look at why it takes so long, or raise QUEUE_TTL_HOURS, and send the task again under a new task id."));

    /// <param name="message">Which one, and how it ended.</param>
    public static TaskError Dependency(string message) => new(
        DependencyFailed, message, new Remediation("retry", ManualSteps: "Get that task done, then send this one again under a new task id."));

    public static TaskError Unclear(string? clarification) => new(
        PlanningUnclear, clarification ?? "The planning agent found the task unclear.", new Remediation("fix_code", ManualSteps: "Answer what the agent asks in planning_unclear_clarification, then send the task again."));

    public static TaskError Verification(string? agentType, IReadOnlyList<string> missing, Worktree? worktree) => new(
        VerificationFailed, $"The result of agentType '{agentType}' lacks: {string.Join("; ", missing)}.",
        new Remediation("retry", ManualSteps: "The agent reports them in a last fenced json block or in .orchestrator/result.json.", WorktreePath: worktree?.Path));
}
