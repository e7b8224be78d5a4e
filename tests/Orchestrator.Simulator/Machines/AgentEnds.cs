using Orchestrator.Interfaces.AgentTasks;
using Orchestrator.Interfaces.Machines;

namespace Orchestrator.Simulator.Machines;

/// <summary>The ways in which agents end, by number.</summary>
internal static class AgentEnds
{
    private static readonly Dictionary<string, string[]> Members = new(StringComparer.Ordinal)
    {
        ["execution"] = ["""{"prUrl":"https://x/1","execution_outcome_label":"already_completed"}""", """{"prUrl":"https://x/1"}"""],
        ["planning"] = ["""{"planning_outcome_label":"unclear","planning_unclear_clarification":"Which one?"}""", """{"planning_outcome_label":"planned","prUrl":"https://x/1"}""", """{"planning_outcome_label":"unclear"}"""],
        ["pull_request"] = ["""{"prUrl":"https://x/1","comment_replied":true}""", """{"comment_replied":true}"""],
    };

    private static readonly AgentErrorKind[] Kinds = Enum.GetValues<AgentErrorKind>();

    public static SessionEndedReport Of(SessionName session, string? agentType, AgentUsage usage, int number, DateTimeOffset now)
    {
        var way = (number & 0xff) % 20;
        var more = (number >> 8) & 0xff;
        return way switch
        {
            < 8 => Exit(0, Said(agentType, usage, more)),
            < 15 => Exit(1, Said(agentType, usage, more, Kinds[way - 8]) with { LimitResetsAt = Kinds[way - 8] == AgentErrorKind.UsageLimit ? ResetOf(more, now) : null }),
            15 => Exit(1, Silent(hasOutput: true)),
            16 => Exit(1, Silent(hasOutput: false)),
            17 => Exit(more % 2 == 0 ? 137 : 139, Silent(hasOutput: true)),
            18 => Exit(null, Silent(hasOutput: true), signal: 9),
            _ => Exit(1, Said(agentType, usage, more)),
        };

        SessionEndedReport Exit(int? exitCode, AgentReport report, int? signal = null) => new(session, SessionEndKind.Exited, now, exitCode, signal, Report: report);
    }

    /// <summary>It met its account's usage limit.</summary>
    public static SessionEndedReport Limited(SessionName session, AgentUsage usage, DateTimeOffset? resetsAt, DateTimeOffset now) =>
        new(session, SessionEndKind.Exited, now, 1, Report: Said(null, usage, 1, AgentErrorKind.UsageLimit) with { LimitResetsAt = resetsAt });

    /// <summary>It was told to stop: it goes without a word, with half of one, or had just finished, or finishes by itself in the same moment.</summary>
    public static SessionEndedReport Stopped(SessionName session, string? agentType, AgentUsage usage, int number, DateTimeOffset now) => (number % 8) switch
    {
        5 => Of(session, agentType, usage, number >> 3, now),
        6 => new(session, SessionEndKind.Exited, now, null, 2, WasStopped: true, Said(agentType, usage, number >> 3)),
        7 => new(session, SessionEndKind.Exited, now, null, 2, WasStopped: true, Silent(hasOutput: number % 16 == 7)),
        _ => new(session, SessionEndKind.Exited, now, null, 2, WasStopped: true),
    };

    private static DateTimeOffset? ResetOf(int more, DateTimeOffset now) => (more % 4) switch
    {
        0 => null,
        1 => now.AddSeconds(10),
        2 => now.AddMinutes(5),
        _ => now.AddMinutes(90),
    };

    private static AgentReport Said(string? agentType, AgentUsage usage, int more, AgentErrorKind kind = AgentErrorKind.None) => new()
    {
        HasOutput = true,
        HasResult = true,
        HasSaidResult = true,
        IsError = kind != AgentErrorKind.None,
        ErrorKind = kind,
        ErrorMessage = kind == AgentErrorKind.None ? null : $"said {kind}",
        Summary = more % 4 == 0 ? null : "Done.",
        ReportedJson = agentType is not null && Members.TryGetValue(agentType, out var choices) && more % 5 != 0 ? choices[more % choices.Length] : null,
        Usage = usage with { CostUsd = more % 3 == 0 ? null : usage.CostUsd, OutputTokens = more % 2 == 0 ? 0 : usage.OutputTokens },
    };

    private static AgentReport Silent(bool hasOutput) => new() { HasOutput = hasOutput, HasResult = false, IsError = false };
}
