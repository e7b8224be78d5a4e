using System.Globalization;
using Orchestrator.Interfaces.Machines;

namespace Orchestrator.Silo.Agents;

/// <summary>Fills a row's arguments in.</summary>
internal static class AgentArguments
{
    /// <summary>The arguments of one attempt, without the program.</summary>
    /// <exception cref="ArgumentException">The agent's session id is none: it could be taken for an option.</exception>
    public static IReadOnlyList<string> Build(AgentRow row, WorkerTypeRow workerType, SessionRequest session)
    {
        if (!AgentSessionIds.IsValid(session.AgentSessionId)) throw new ArgumentException("The agent's session id must be letters, digits, - and _, and not begin with -.", nameof(session));
        var resumes = session.IsResume && row.CanResume;
        var values = new (string Name, string? Value)[]
        {
            ("{sessionId}", resumes ? null : session.AgentSessionId),
            ("{resumeId}", resumes ? session.AgentSessionId : null),
            ("{model}", workerType.Model),
            ("{maxTurns}", session.TurnsLeft is { } turns ? Math.Max(1, turns).ToString(CultureInfo.InvariantCulture) : null),
            ("{maxBudgetUsd}", session.CostUsdLeft is { } cost ? Math.Max(0.000001, cost).ToString("0.######", CultureInfo.InvariantCulture) : null),
        };
        return [.. row.Arguments.SelectMany(group => Fill(group, values))];
    }

    private static IEnumerable<string> Fill(IReadOnlyList<string> group, (string Name, string? Value)[] values)
    {
        var isComplete = values.All(each => each.Value is not null || !group.Any(argument => argument.Contains(each.Name, StringComparison.Ordinal)));
        return isComplete ? group.Select(argument => values.Aggregate(argument, (text, each) => text.Replace(each.Name, each.Value, StringComparison.Ordinal))) : [];
    }
}
