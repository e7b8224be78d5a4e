using System.Collections.Frozen;
using Orchestrator.EmbeddedSilo.Activations;
using Orchestrator.EmbeddedSilo.CodeGeneration;
using Orleans.Runtime;

namespace Orchestrator.EmbeddedSilo.Startup;

/// <summary>The grain interfaces and classes of the application. Filled by generated code, then checked and frozen at start.</summary>
public sealed class GrainRegistry
{
    private readonly Dictionary<Type, Func<GrainReferenceKey, TypedGrainReference>> _factories = [];
    private readonly HashSet<Type> _classTypes = [];
    private FrozenDictionary<Type, GrainInterfaceEntry> _interfaces = FrozenDictionary<Type, GrainInterfaceEntry>.Empty;
    private FrozenDictionary<GrainType, GrainClass> _classes = FrozenDictionary<GrainType, GrainClass>.Empty;

    internal GrainRegistry()
    {
    }

    internal IEnumerable<Type> InterfaceTypes => _factories.Keys;

    internal IEnumerable<Type> ClassTypes => _classTypes;

    internal IEnumerable<GrainClass> Classes => _classes.Values;

    /// <summary>For generated code: adds a grain interface.</summary>
    public void AddInterface<TGrainInterface>(Func<GrainReferenceKey, TypedGrainReference> factory) => _factories[typeof(TGrainInterface)] = factory;

    /// <summary>For generated code: adds a grain class.</summary>
    public void AddClass(Type grainClass) => _classTypes.Add(grainClass);

    internal GrainClass ClassOf(GrainId id) => _classes.TryGetValue(id.Type, out var grainClass)
        ? grainClass
        : throw new ArgumentException($"No grain class is known for grain type '{id.Type}' (of {id}).", nameof(id));

    internal GrainInterfaceEntry Interface(Type type) => _interfaces.TryGetValue(type, out var entry)
        ? entry
        : throw new ArgumentException($"{type} is no grain interface known to this silo. Does its project reference the silo's source generator?", nameof(type));

    internal void Freeze(IEnumerable<GrainClass> grainClasses)
    {
        _classes = grainClasses.ToFrozenDictionary(grainClass => grainClass.GrainType);
        _interfaces = _factories.ToFrozenDictionary(
            pair => pair.Key,
            pair => new GrainInterfaceEntry(pair.Key, pair.Value, [.. _classes.Values.Where(grainClass => pair.Key.IsAssignableFrom(grainClass.Type))]));
    }
}

/// <summary>One grain interface: makes references, and knows the classes behind it.</summary>
internal sealed class GrainInterfaceEntry(Type type, Func<GrainReferenceKey, TypedGrainReference> create, GrainClass[] classes)
{
    public TypedGrainReference Create(GrainReferenceKey key) => create(key);

    public GrainType GrainTypeFor(string? classNamePrefix)
    {
        if (classes.Length == 1 && classNamePrefix is null) return classes[0].GrainType;
        var candidates = classNamePrefix is null
            ? classes
            : [.. classes.Where(grainClass => grainClass.Type.FullName!.StartsWith(classNamePrefix, StringComparison.Ordinal))];
        return candidates.Length switch
        {
            1 => candidates[0].GrainType,
            0 => throw new ArgumentException(
                $"Could not find an implementation for interface {type}{(classNamePrefix is null ? "" : $" whose full name starts with '{classNamePrefix}'")}."),
            _ => throw new ArgumentException(
                $"Several classes implement {type}: {string.Join(", ", candidates.Select(grainClass => grainClass.Type))}. Name one by grainClassNamePrefix."),
        };
    }
}
