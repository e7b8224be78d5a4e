namespace Orchestrator.EmbeddedSilo.Tests.ApiFidelity;

/// <summary>What differs from Orleans on purpose. An entry that no longer differs fails the test, as does a difference without an entry.</summary>
internal static class KnownDifferences
{
    /// <summary>From <see cref="ApiDifference.Key"/> to the reason.</summary>
    public static IReadOnlyDictionary<string, string> Reasons { get; } = new Dictionary<string, string>(StringComparer.Ordinal)
    {
    };
}
