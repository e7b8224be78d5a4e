using Orchestrator.Testing;

namespace Orchestrator.Silo.Tests.Agents;

/// <summary>A fact that needs the real Claude Code; skipped, with the reason, where it is not installed.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class ClaudeCodeFactAttribute : FactAttribute
{
    public ClaudeCodeFactAttribute() => Skip = ClaudeCode.WhyMissing;
}
