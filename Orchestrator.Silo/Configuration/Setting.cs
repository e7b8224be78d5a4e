namespace Orchestrator.Silo.Configuration;

/// <summary>One thing that can be configured.</summary>
/// <param name="Name">In the environment, in <c>orchestrator.json</c>, and as <c>--NAME value</c>.</param>
/// <param name="Default">As README's table shows it.</param>
/// <param name="Meaning">For README's table.</param>
/// <param name="Rule">What a value must be; shown when one is not.</param>
/// <param name="Apply">Puts a value in its place. False: it breaks the rule.</param>
internal sealed record Setting(string Name, string Default, string Meaning, string Rule, Func<OrchestratorSettings, string, bool> Apply)
{
    /// <summary>Whether values are never shown.</summary>
    public bool IsSecret { get; init; }

    /// <summary>What joins the items of a list that stands in <c>orchestrator.json</c>.</summary>
    public string ListSeparator { get; init; } = ",";
}
