using Orchestrator.EmbeddedSilo.Startup;

namespace Orchestrator.EmbeddedSilo.CodeGeneration;

/// <summary>Generated into every assembly that has grain interfaces or grain classes: tells the silo what is there.</summary>
/// <param name="part">A <see cref="GrainAssemblyPart"/> with a parameterless constructor.</param>
[AttributeUsage(AttributeTargets.Assembly)]
public sealed class GrainAssemblyAttribute(Type part) : Attribute
{
    internal Type Part { get; } = part;
}

/// <summary>The grain interfaces and classes of one assembly.</summary>
public abstract class GrainAssemblyPart
{
    /// <summary>For generated code: adds all of them.</summary>
    public abstract void Register(GrainRegistry registry);
}
