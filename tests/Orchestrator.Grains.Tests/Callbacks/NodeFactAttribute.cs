using Orchestrator.Testing;

namespace Orchestrator.Grains.Tests.Callbacks;

/// <summary>A fact that asks Node; skipped, with the reason, where it is not installed.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class NodeFactAttribute : FactAttribute
{
    public NodeFactAttribute() => Skip = InstalledProgram.WhyMissing("node");
}
