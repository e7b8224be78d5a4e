using System.Reflection;

namespace Orchestrator.Simulator.Runtime;

/// <summary>A reference to a grain: whatever is called becomes something that is under way.</summary>
public class SimulatedReference : DispatchProxy
{
    internal SimulatedSilo Silo { get; private set; } = null!;

    internal Type Interface { get; private set; } = null!;

    internal string Key { get; private set; } = null!;

    internal static object Create(SimulatedSilo silo, Type grainInterface, string key)
    {
        var reference = Create(grainInterface, typeof(SimulatedReference));
        var own = (SimulatedReference)reference;
        (own.Silo, own.Interface, own.Key) = (silo, grainInterface, key);
        return reference;
    }

    /// <inheritdoc />
    protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) => Silo.Send(Interface, Key, GrainMethod.Of(targetMethod!), args ?? []);
}
