using Orchestrator.Grains.AgentTasks;
using Orchestrator.Interfaces.AgentTasks;
using Orchestrator.Interfaces.Machines;

namespace Orchestrator.Grains.Tests.AgentTasks;

/// <summary>States of a task on its usual way, for the tests of rules.</summary>
internal static class TaskScenario
{
    public const string TaskId = "task-1";
    public static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
    public static readonly AgentTaskOptions Options = new();
    public static readonly Worktree Tree = new("acme/web", "/worktrees/task-1", "task/task-1", "main", new string('a', 40));
    public static readonly TerminalSession Terminal = new("cc-task-task-1", "tmux attach");

    public static SessionName Session(int attempt = 1) => new(TaskId, 1, attempt);

    public static AgentTaskState Waiting(string? agentType = null) => AgentTaskTransitions.Accept(
        new()
        {
            TaskId = TaskId,
            RequestSha256 = "1",
            WorkerType = "opus",
            Repository = "acme/web",
            WebhookUrl = "http://127.0.0.1/hook",
            WebhookSecret = "s",
            AgentType = agentType,
            TimeLimit = TimeSpan.FromHours(1),
        },
        Start);

    public static AgentTaskState Preparing(string? agentType = null) => AgentTaskTransitions.SlotGranted(Waiting(agentType), new(TaskId, 1, 1, Start), "agent-1", Start);

    public static AgentTaskState Starting(string? agentType = null) => AgentTaskTransitions.WorktreePrepared(Preparing(agentType), new(Session(), Tree, null), Start);

    public static AgentTaskState Running(bool canResume = true, string? agentType = null) => AgentTaskTransitions.SessionStarted(
        Starting(agentType), new(Session(), Start.AddSeconds(1), "claude", canResume, Terminal), Start.AddSeconds(1));

    public static AgentTaskState Ended(this AgentTaskState state, SessionEndedReport report) =>
        AgentTaskTransitions.SessionEnded(state, report, Options, "agent-2", report.EndedAt);

    /// <summary>The machine says that the session has been silent for 20 minutes.</summary>
    public static AgentTaskState Stalled(this AgentTaskState state) =>
        AgentTaskTransitions.SessionStalled(state, state.Session(TaskId), Start.AddMinutes(10), Start.AddMinutes(30));

    /// <summary>The attempt that was planned starts.</summary>
    public static AgentTaskState Started(this AgentTaskState state) => AgentTaskTransitions.SessionStarted(
        state, new(state.Session(TaskId), Start.AddMinutes(3), "claude", CanResume: true, Terminal), Start.AddMinutes(3));

    /// <summary>A held task's time has come, and it gets a slot.</summary>
    public static AgentTaskState Resumed(this AgentTaskState state)
    {
        var at = state.HeldUntil!.Value;
        return AgentTaskTransitions.SlotGranted(AgentTaskTransitions.TimePassed(state, Options, at), new(TaskId, 1, 1, at), "unused", at);
    }

    public static AgentTaskState With(this AgentTaskState state, double? costUsdMax, int? turnsMax) =>
        state with { Facts = state.Facts with { CostUsdMax = costUsdMax, TurnsMax = turnsMax } };

    public static AgentTaskState Collected(this AgentTaskState state, int commits = 1, bool isLost = false, MachineFailure? failure = null) => AgentTaskTransitions.WorkCollected(
        state,
        new(state.Session(TaskId), commits, [.. Enumerable.Range(1, commits).Select(i => new CommitDetail(new string('b', 40), $"commit {i}"))], null, false, failure, isLost),
        "agent-2", Start.AddMinutes(5));

    public static SessionEndedReport Exit(int? exitCode, AgentReport? report, int? signal = null, int attempt = 1, bool wasStopped = false) =>
        new(Session(attempt), SessionEndKind.Exited, Start.AddMinutes(4), exitCode, signal, wasStopped, report);

    public static AgentReport Said(string summary = "Done.", string? reported = null, AgentErrorKind kind = AgentErrorKind.None, bool hasResult = true) => new()
    {
        HasOutput = true,
        HasResult = hasResult,
        IsError = kind != AgentErrorKind.None,
        ErrorKind = kind,
        ErrorMessage = kind == AgentErrorKind.None ? null : $"said {kind}",
        Summary = summary,
        ReportedJson = reported,
        Usage = new(10, 20, 30, 40, 0.5, 2),
        AgentSessionId = "agent-1",
    };
}
