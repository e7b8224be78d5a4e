using System.Text.RegularExpressions;

namespace Orchestrator.Silo.Agents;

/// <summary>The form of agents' own session ids. They come back as arguments, and an agent may write what it likes into its output.</summary>
internal static partial class AgentSessionIds
{
    /// <summary>Whether it is one.</summary>
    public static bool IsValid(string? id) => id is not null && Form().IsMatch(id);

    [GeneratedRegex(@"\A[A-Za-z0-9][A-Za-z0-9_-]{0,127}\z", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Form();
}
