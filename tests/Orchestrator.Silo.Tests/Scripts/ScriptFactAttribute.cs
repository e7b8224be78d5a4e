using Orchestrator.Testing;

namespace Orchestrator.Silo.Tests.Scripts;

/// <summary>A fact that runs scripts which need curl and openssl; skipped, with the reason, where these are not installed.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class ScriptFactAttribute : FactAttribute
{
    public ScriptFactAttribute() => Skip = WhySkipped;

    internal static string? WhySkipped { get; } = InstalledProgram.WhyMissing("curl", "openssl");
}

/// <summary>The same for a theory.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class ScriptTheoryAttribute : TheoryAttribute
{
    public ScriptTheoryAttribute() => Skip = ScriptFactAttribute.WhySkipped;
}
