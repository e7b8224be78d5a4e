using Orchestrator.Interfaces.AgentTasks;
using Orchestrator.Interfaces.Machines;

namespace Orchestrator.Grains.AgentTasks;

/// <summary>What the end of a session means.</summary>
internal enum VerdictKind
{
    Succeeded,
    AgentFailed,

    /// <summary>No agent ran, and none can.</summary>
    SetupFailed,
    ResumeImpossible,
    Budget,

    /// <summary>The account's usage limit is reached: nobody's failure, and worth waiting for.</summary>
    UsageLimit,

    /// <summary>Neither the agent's nor the task's fault: worth another attempt.</summary>
    Infra,

    /// <summary>The machine lost the session.</summary>
    Lost,
}

/// <summary>What the end of a session means.</summary>
/// <param name="Kind">For the rules.</param>
/// <param name="Outcome">For people: one of <see cref="AttemptOutcomes"/>, or the error's code.</param>
/// <param name="Error">The error, if the run ends by it.</param>
internal sealed record SessionVerdict(VerdictKind Kind, string Outcome, TaskError? Error);

/// <summary>Judges ended sessions. Pure. An agent that reports a result is judged by what it says, one that only exits by its exit code.</summary>
internal static class SessionVerdicts
{
    private static readonly SessionVerdict Succeeded = new(VerdictKind.Succeeded, AttemptOutcomes.Succeeded, null);
    private const int Sigkill = 9;
    private const int SignalExitBase = 128;
    private const int MessageCharactersMax = 2000;

    public static SessionVerdict Judge(SessionEndedReport report, Worktree? worktree)
    {
        switch (report.Kind)
        {
            case SessionEndKind.SetupFailed:
                return Failed(VerdictKind.SetupFailed, TaskErrors.Setup(report.Failure, worktree));
            case SessionEndKind.WorktreeLost:
                return Failed(VerdictKind.SetupFailed, TaskErrors.Lost(worktree!));
            case SessionEndKind.Lost:
            case SessionEndKind.NotStarted:
                return new(VerdictKind.Lost, AttemptOutcomes.Lost, null);
        }

        // It had said that it is done, and was stopped only for not ending.
        if (report is { WasStopped: true, Report: { HasSaidResult: true, IsError: false } }) return Succeeded;

        // Whoever tells the session host to stop without our knowing does what a killed terminal does.
        if (report.WasStopped) return new(VerdictKind.Lost, AttemptOutcomes.Stopped, null);
        var agent = report.Report;
        return agent?.ErrorKind switch
        {
            AgentErrorKind.ResumeImpossible => Failed(VerdictKind.ResumeImpossible, TaskErrors.Resume(Words(agent, "The conversation cannot be resumed."), worktree)),
            AgentErrorKind.Budget => Failed(VerdictKind.Budget, TaskErrors.Budget(Words(agent, "The budget is exhausted."), worktree)),
            AgentErrorKind.UsageLimit when agent.IsError || report.ExitCode is not (null or 0) =>
                new(VerdictKind.UsageLimit, AttemptOutcomes.UsageLimit, TaskErrors.Infra(Words(agent, "The account's usage limit is reached."), worktree)),
            AgentErrorKind.Overload => Failed(VerdictKind.Infra, TaskErrors.Infra(Words(agent, "The model's API is overloaded."), worktree)),
            AgentErrorKind.Own or AgentErrorKind.Refused => Failed(VerdictKind.AgentFailed, TaskErrors.Agent(Words(agent, "The agent reported an error."), worktree)),
            _ => JudgeExit(report, agent, worktree),
        };
    }

    private static SessionVerdict JudgeExit(SessionEndedReport report, AgentReport? agent, Worktree? worktree)
    {
        if (SignalOf(report) is { } signal) return Failed(VerdictKind.Infra, TaskErrors.Infra($"The agent was killed from outside (signal {signal}).", worktree));
        if (agent is not { HasResult: true })
        {
            var what = agent is { HasOutput: true } ? "The agent ended without a result" : "The agent ended without a word";
            return Failed(VerdictKind.Infra, TaskErrors.Infra($"{what} (exit code {report.ExitCode}).", worktree));
        }

        if (report.ExitCode == 0 && !agent.IsError) return Succeeded;
        return Failed(VerdictKind.AgentFailed, TaskErrors.Agent(Words(agent, $"The agent ended with exit code {report.ExitCode}."), worktree));
    }

    /// <summary>Whether it was ended from outside before it could say what it had cost.</summary>
    public static bool WasCutShort(SessionEndedReport report) => report.Report is not { HasSaidResult: true }
        && (report.Kind == SessionEndKind.Lost || (report.Kind == SessionEndKind.Exited && (report.WasStopped || SignalOf(report) is not null)));

    /// <summary>A shell reports a signal that ended its child as exit code 128 + n; 137 and 139 are a kill and a crash.</summary>
    private static int? SignalOf(SessionEndedReport report) =>
        report.Signal ?? (report.ExitCode is SignalExitBase + Sigkill or SignalExitBase + 11 ? report.ExitCode - SignalExitBase : null);

    private static SessionVerdict Failed(VerdictKind kind, TaskError error) => new(kind, error.Code, error);

    private static string Words(AgentReport agent, string otherwise)
    {
        var words = agent.ErrorMessage is { Length: > 0 } message ? message : otherwise;
        return words.Length <= MessageCharactersMax ? words : string.Concat(words.AsSpan(0, MessageCharactersMax), "…");
    }
}
