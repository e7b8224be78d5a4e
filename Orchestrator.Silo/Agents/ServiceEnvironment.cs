using System.Collections;

namespace Orchestrator.Silo.Agents;

/// <summary>The service's own environment, as it was when the service started.</summary>
/// <param name="variables">Names and values.</param>
internal sealed class ServiceEnvironment(IReadOnlyDictionary<string, string> variables)
{
    /// <summary>Names and values.</summary>
    public IReadOnlyDictionary<string, string> Variables { get; } = variables;

    /// <summary>The value; null when it is not set or empty.</summary>
    public string? this[string name] => Variables.TryGetValue(name, out var value) && value.Length > 0 ? value : null;

    /// <summary>That of this process.</summary>
    public static ServiceEnvironment Read() => new(
        Environment.GetEnvironmentVariables().Cast<DictionaryEntry>().ToDictionary(each => (string)each.Key, each => (string?)each.Value ?? "", StringComparer.Ordinal));
}
