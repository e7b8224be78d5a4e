using System.Collections.Concurrent;
using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Reflection;
using System.Runtime.CompilerServices;
using Orleans;
using Orleans.Runtime;

namespace Orchestrator.EmbeddedSilo.CodeGeneration;

/// <summary>
/// Copies arguments and results, so that caller and grain share nothing that can change. What cannot change (primitives, text, records whose
/// members are all read-only and of such types, whatever carries <see cref="ImmutableAttribute"/>) is passed as it is: that is decided once for
/// each type. Everything else is copied field by field, each object once.
/// </summary>
public static class DeepCopy
{
    private static readonly ConcurrentDictionary<Type, bool> Immutables = new();
    private static readonly ConcurrentDictionary<Type, FieldInfo[]> Fields = new();
    private static readonly Func<object, object> CloneShallow =
        typeof(object).GetMethod("MemberwiseClone", BindingFlags.Instance | BindingFlags.NonPublic)!.CreateDelegate<Func<object, object>>();

    private static readonly FrozenSet<Type> KnownImmutables = new[]
    {
        typeof(string), typeof(decimal), typeof(DateTime), typeof(DateTimeOffset), typeof(TimeSpan), typeof(DateOnly), typeof(TimeOnly), typeof(Guid),
        typeof(Uri), typeof(Version), typeof(CancellationToken), typeof(Nothing), typeof(Half), typeof(Int128), typeof(UInt128), typeof(System.Numerics.BigInteger),
    }.ToFrozenSet();

    private static readonly FrozenSet<Type> ImmutableGenerics = new[]
    {
        typeof(ImmutableArray<>), typeof(ImmutableList<>), typeof(ImmutableHashSet<>), typeof(ImmutableSortedSet<>), typeof(ImmutableQueue<>),
        typeof(ImmutableStack<>), typeof(ImmutableDictionary<,>), typeof(ImmutableSortedDictionary<,>), typeof(Nullable<>),
        typeof(FrozenSet<>), typeof(FrozenDictionary<,>),
    }.ToFrozenSet();

    /// <summary>The value itself if it cannot change, else a copy.</summary>
    public static T Of<T>(T value)
    {
        if (TypeFacts<T>.IsImmutable || value is null) return value;
        if (IsImmutable(value.GetType())) return value;
        return (T)Copy(value, new(ReferenceEqualityComparer.Instance));
    }

    /// <summary>Whether values of exactly this type cannot change.</summary>
    internal static bool IsImmutable(Type type)
    {
        if (Immutables.TryGetValue(type, out var known)) return known;

        // A type that contains itself is as immutable as the rest of it: assume so while looking.
        var immutable = Decide(type, [type]);
        return Immutables.GetOrAdd(type, immutable);
    }

    private static bool Decide(Type type, HashSet<Type> path)
    {
        if (type.IsPrimitive || type.IsEnum || KnownImmutables.Contains(type) || type.IsDefined(typeof(ImmutableAttribute), inherit: false)) return true;
        if (typeof(IAddressable).IsAssignableFrom(type) || typeof(Type).IsAssignableFrom(type) || typeof(Exception).IsAssignableFrom(type)) return true;
        if (IsComparer(type)) return true;
        if (type.IsPointer || type.IsArray || typeof(Delegate).IsAssignableFrom(type)) return false;
        if (type.IsGenericType && ImmutableGenerics.Contains(GenericOf(type))) return type.GetGenericArguments().All(Member);
        if (type.Namespace?.StartsWith("System.Collections", StringComparison.Ordinal) == true || type.IsInterface || type.IsAbstract) return false;

        // A struct is copied whenever it is passed on, so that only what it refers to can be shared.
        return FieldsOf(type).All(field => (field.IsInitOnly || type.IsValueType) && Member(field.FieldType));

        // A member declared as an unsealed class may hold a derived one that can change.
        bool Member(Type member) => !path.Add(member) || ((member.IsValueType || member.IsSealed || typeof(IAddressable).IsAssignableFrom(member)
            || member.IsDefined(typeof(ImmutableAttribute), inherit: false) || (member.IsGenericType && ImmutableGenerics.Contains(GenericOf(member)))
            || KnownImmutables.Contains(member)) && Decide(member, path));
    }

    /// <summary>Comparers have no state of their own; collections tell theirs apart by identity.</summary>
    private static bool IsComparer(Type type) => type.GetInterfaces().Any(i =>
        i.IsGenericType && (GenericOf(i) == typeof(IEqualityComparer<>) || GenericOf(i) == typeof(IComparer<>)));

    private static void CheckCanBeCopied(object value, Type type)
    {
        if (value is Delegate or Task) throw new NotSupportedException($"A {type} cannot be sent to or from a grain.");

        // The place of a key depends on its hash code, which a copy of a changeable key may not share.
        if (type.IsGenericType && (GenericOf(type) == typeof(Dictionary<,>) || GenericOf(type) == typeof(HashSet<>)) && !IsImmutable(type.GetGenericArguments()[0]))
            throw new NotSupportedException($"A {type} cannot be sent to or from a grain: its keys can change.");
    }

    private static Type GenericOf(Type type) => type.GetGenericTypeDefinition();

    private static object Copy(object original, Dictionary<object, object> copies)
    {
        var type = original.GetType();
        if (IsImmutable(type)) return original;
        if (!type.IsValueType && copies.TryGetValue(original, out var known)) return known;
        if (original is Array array) return CopyArray(array, copies);
        CheckCanBeCopied(original, type);
        var copy = CloneShallow(original);
        if (!type.IsValueType) copies[original] = copy;
        foreach (var field in FieldsOf(type))
        {
            if (field.GetValue(original) is { } value && !IsImmutable(value.GetType()))
                field.SetValue(copy, Copy(value, copies));
        }

        return copy;
    }

    private static Array CopyArray(Array original, Dictionary<object, object> copies)
    {
        var copy = (Array)original.Clone();
        copies[original] = copy;
        if (IsSealedImmutable(original.GetType().GetElementType()!)) return copy;
        if (copy.Rank != 1) throw new NotSupportedException($"A {original.GetType()} cannot be sent to or from a grain.");
        for (var i = 0; i < copy.Length; i++)
        {
            if (original.GetValue(i) is { } item && !IsImmutable(item.GetType())) copy.SetValue(Copy(item, copies), i);
        }

        return copy;
    }

    private static bool IsSealedImmutable(Type type) => (type.IsValueType || type.IsSealed) && IsImmutable(type);

    private static FieldInfo[] FieldsOf(Type type) => Fields.GetOrAdd(type, static type =>
    {
        var fields = new List<FieldInfo>();
        for (var t = type; t is not null && t != typeof(object); t = t.BaseType)
            fields.AddRange(t.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly));
        return [.. fields];
    });

    private static class TypeFacts<T>
    {
        /// <summary>A constant for compiled code: values of this declared type are passed as they are.</summary>
        public static readonly bool IsImmutable = !RuntimeHelpers.IsReferenceOrContainsReferences<T>() || IsSealedImmutable(typeof(T));
    }
}
