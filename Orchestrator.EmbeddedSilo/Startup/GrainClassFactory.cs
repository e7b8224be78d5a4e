using System.Reflection;
using Microsoft.Extensions.DependencyInjection;
using Orchestrator.EmbeddedSilo.Activations;
using Orchestrator.EmbeddedSilo.Storage;
using Orleans;
using Orleans.Concurrency;
using Orleans.Configuration;
using Orleans.Runtime;
using Orleans.Serialization.Invocation;

namespace Orchestrator.EmbeddedSilo.Startup;

/// <summary>Reads a grain class once, at start: its attributes, and what its constructor asks for.</summary>
internal static class GrainClassFactory
{
    public static GrainClass Create(Type type, GrainCollectionOptions options)
    {
        var constructor = ConstructorOf(type);
        return new GrainClass
        {
            Type = type,
            GrainType = GrainTypeOf(type),
            MainInterface = type.GetInterfaces().First(GrainChecks.IsGrainInterface),
            Constructor = ConstructorInvoker.Create(constructor),
            Arguments = [.. constructor.GetParameters().Select(Argument)],
            CollectionAge = options.ClassSpecificCollectionAge.GetValueOrDefault(type.FullName!, options.CollectionAge),
            IsReentrant = type.IsDefined(typeof(ReentrantAttribute), inherit: true),
            KeepsAlive = type.IsDefined(typeof(KeepAliveAttribute), inherit: true),
            InterleavePredicate = Predicate(type),
        };
    }

    internal static ConstructorInfo ConstructorOf(Type type)
    {
        var constructors = type.GetConstructors(BindingFlags.Instance | BindingFlags.Public);
        return constructors.Length == 1
            ? constructors[0]
            : throw new OrleansConfigurationException($"Grain class {type} has {constructors.Length} public constructors; it must have one.");
    }

    internal static GrainType GrainTypeOf(Type type) => GrainType.Create(type.GetCustomAttribute<GrainTypeAttribute>()?.Name ?? DefaultName(type));

    /// <summary>What is wrong with the class's <see cref="MayInterleaveAttribute"/>; null when it has none or a good one.</summary>
    internal static string? InterleaveProblem(Type type) =>
        type.GetCustomAttribute<MayInterleaveAttribute>() is { } attribute && PredicateMethod(type, attribute) is null
            ? $"{type} carries [MayInterleave(\"{attribute.CallbackMethodName}\")] but has no method 'static bool {attribute.CallbackMethodName}(IInvokable)'."
            : null;

    /// <summary>As in Orleans: the class name in lower case, without a leading namespace and a trailing "Grain".</summary>
    private static string DefaultName(Type type)
    {
        var name = type.Name.ToLowerInvariant();
        return name.EndsWith("grain", StringComparison.Ordinal) && name.Length > "grain".Length ? name[..^"grain".Length] : name;
    }

    private static Func<Activation, object?> Argument(ParameterInfo parameter)
    {
        var type = parameter.ParameterType;
        if (parameter.GetCustomAttribute<PersistentStateAttribute>() is { } state)
            return PersistentStateFactory.Create(type.GetGenericArguments()[0], state);
        if (type == typeof(IGrainContext)) return activation => activation;
        if (parameter.GetCustomAttribute<FromKeyedServicesAttribute>() is { } keyed)
            return activation => activation.ActivationServices.GetRequiredKeyedService(type, keyed.Key);
        return parameter.HasDefaultValue
            ? activation => activation.ActivationServices.GetService(type) ?? parameter.DefaultValue
            : activation => activation.ActivationServices.GetRequiredService(type);
    }

    private static Func<IInvokable, bool>? Predicate(Type type) => type.GetCustomAttribute<MayInterleaveAttribute>() is { } attribute
        ? PredicateMethod(type, attribute)!.CreateDelegate<Func<IInvokable, bool>>()
        : null;

    private static MethodInfo? PredicateMethod(Type type, MayInterleaveAttribute attribute)
    {
        const BindingFlags Static = BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.FlattenHierarchy;
        return type.GetMethod(attribute.CallbackMethodName, Static, [typeof(IInvokable)]) is { } method && method.ReturnType == typeof(bool) ? method : null;
    }
}
