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

    public static SessionEndedReport Of(SessionName session, string? agentType, int number, DateTimeOffset now)
    {
        var way = (number & 0xff) % 20;
        var more = (number >> 8) & 0xff;
        return way switch
        {
            < 8 => Exit(0, Said(agentType, more)),
            < 15 => Exit(1, Said(agentType, more, Kinds[way - 8])),
            15 => Exit(1, Silent(hasOutput: true)),
            16 => Exit(1, Silent(hasOutput: false)),
            17 => Exit(more % 2 == 0 ? 137 : 139, Silent(hasOutput: true)),
            18 => Exit(null, Silent(hasOutput: true), signal: 9),
            _ => Exit(1, Said(agentType, more)),
        };

        SessionEndedReport Exit(int? exitCode, AgentReport report, int? signal = null) => new(session, SessionEndKind.Exited, now, exitCode, signal, Report: report);
    }

    private static AgentReport Said(string? agentType, int more, AgentErrorKind kind = AgentErrorKind.None) => new()
    {
        HasOutput = true,
        HasResult = true,
        IsError = kind != AgentErrorKind.None,
        ErrorKind = kind,
        ErrorMessage = kind == AgentErrorKind.None ? null : $"said {kind}",
        Summary = more % 4 == 0 ? null : "Done.",
        ReportedJson = agentType is not null && Members.TryGetValue(agentType, out var choices) && more % 5 != 0 ? choices[more % choices.Length] : null,
        Usage = new(10, 20, 0, 0, more % 3 == 0 ? null : 0.5, 2),
    };

    private static AgentReport Silent(bool hasOutput) => new() { HasOutput = hasOutput, HasResult = false, IsError = false };
}
