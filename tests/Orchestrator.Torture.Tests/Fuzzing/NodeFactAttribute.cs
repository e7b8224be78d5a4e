using Orchestrator.Testing;

namespace Orchestrator.Torture.Tests.Fuzzing;

/// <summary>A test that needs Node.js, and is skipped where there is none.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class NodeFactAttribute : FactAttribute
{
    public NodeFactAttribute() => Skip = InstalledProgram.WhyMissing("node");
}
