using Orchestrator.Contracts.Sessions;
using Orchestrator.Interfaces.Machines;

namespace Orchestrator.Silo.Agents.Output;

/// <summary>Reads what one agent printed, line by line; keeps little of it.</summary>
internal interface IAgentOutputReader
{
    /// <summary>The next line. Whatever it is, it is no error.</summary>
    void Add(SessionEvent line);

    /// <summary>What it all says.</summary>
    AgentWords End();
}

/// <summary>What an agent's output says.</summary>
/// <param name="Report">Without summary and reported members.</param>
/// <param name="LastWords">Where summary and reported members are found; null: it said nothing.</param>
/// <param name="SummaryCharsMax">Longest summary.</param>
/// <param name="SummaryIsTail">Whether a long one loses its beginning; else its end.</param>
internal sealed record AgentWords(AgentReport Report, string? LastWords, int SummaryCharsMax, bool SummaryIsTail);
