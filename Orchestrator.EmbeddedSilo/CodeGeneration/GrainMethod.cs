using System.Reflection;

namespace Orchestrator.EmbeddedSilo.CodeGeneration;

/// <summary>What the attributes of a grain interface's method say.</summary>
[Flags]
public enum GrainMethodOptions
{
    /// <summary>A call waits for its turn and its caller for the answer.</summary>
    None = 0,

    /// <summary>The caller waits for nothing.</summary>
    OneWay = 1,

    /// <summary>Interleaves with everything.</summary>
    AlwaysInterleave = 2,

    /// <summary>Interleaves with its like.</summary>
    ReadOnly = 4,
}

/// <summary>One method of a grain interface; generated code keeps one instance for each.</summary>
/// <param name="interfaceType">The interface that declares it.</param>
/// <param name="name">Its name.</param>
/// <param name="parameterTypes">All its parameters, a cancellation token included.</param>
/// <param name="options">What its attributes say.</param>
public sealed class GrainMethod(Type interfaceType, string name, Type[] parameterTypes, GrainMethodOptions options)
{
    private MethodInfo? _info;

    internal Type InterfaceType => interfaceType;

    internal string Name => name;

    internal GrainMethodOptions Options => options;

    internal MethodInfo Info => _info ??= interfaceType.GetMethod(name, parameterTypes)
        ?? throw new MissingMethodException(interfaceType.FullName, name);

    /// <inheritdoc />
    public override string ToString() => $"{interfaceType.Name}.{name}";
}
