using System.Collections.Immutable;
using System.Reflection;
using Orleans;
using Orleans.Concurrency;
using Orleans.Runtime;

namespace Orchestrator.EmbeddedSilo.Startup;

/// <summary>
/// What Orleans would find only at run time, or not at all: signatures of grain interfaces, serializer attributes of what travels, and names of
/// states. Each finding names the type, the member and the rule.
/// </summary>
internal static class GrainChecks
{
    private static readonly HashSet<Type> KnownTypes =
    [
        typeof(string), typeof(decimal), typeof(DateTime), typeof(DateTimeOffset), typeof(TimeSpan), typeof(DateOnly), typeof(TimeOnly), typeof(Guid),
        typeof(Uri), typeof(Version), typeof(Half), typeof(Int128), typeof(UInt128), typeof(System.Numerics.BigInteger), typeof(object), typeof(GrainId),
        typeof(GrainType), typeof(Exception), typeof(TickStatus), typeof(System.Text.Json.JsonElement), typeof(System.Net.IPAddress), typeof(System.Net.IPEndPoint),
    ];

    private static readonly HashSet<Type> KnownGenerics =
    [
        typeof(Nullable<>), typeof(List<>), typeof(Dictionary<,>), typeof(HashSet<>), typeof(Queue<>), typeof(Stack<>), typeof(SortedDictionary<,>),
        typeof(SortedSet<>), typeof(KeyValuePair<,>), typeof(IEnumerable<>), typeof(ICollection<>), typeof(IList<>), typeof(IReadOnlyCollection<>),
        typeof(IReadOnlyList<>), typeof(IDictionary<,>), typeof(IReadOnlyDictionary<,>), typeof(ISet<>), typeof(IReadOnlySet<>), typeof(ReadOnlyMemory<>),
        typeof(Memory<>), typeof(ImmutableArray<>), typeof(ImmutableList<>), typeof(ImmutableDictionary<,>), typeof(ImmutableHashSet<>),
        typeof(ImmutableSortedDictionary<,>), typeof(ImmutableSortedSet<>), typeof(ImmutableQueue<>), typeof(ImmutableStack<>),
    ];

    public static bool IsGrainInterface(Type type) => type.IsInterface && typeof(IGrain).IsAssignableFrom(type) && type != typeof(IGrain)
        && type != typeof(IGrainWithStringKey) && type != typeof(IRemindable);

    /// <summary>Checks everything and reports all findings at once.</summary>
    /// <exception cref="OrleansConfigurationException">There are findings.</exception>
    public static void Check(IEnumerable<Type> interfaces, IReadOnlyCollection<Type> classes, Predicate<string> isStorageConfigured)
    {
        var findings = new List<string>();
        var checkedTypes = new HashSet<Type>();
        var known = interfaces.ToHashSet();
        foreach (var type in known) CheckInterface(type, checkedTypes, findings);

        // Generated code knows neither generic interfaces nor those that it cannot name; their classes lead to them.
        foreach (var type in classes.SelectMany(type => type.GetInterfaces()).Where(IsGrainInterface).Select(DefinitionOf).Distinct().Where(type => !known.Contains(type)))
        {
            if (type.IsGenericType) CheckInterface(type, checkedTypes, findings);
            else findings.Add($"{type}: generated code cannot name it. A grain interface must be public or internal, in a project that uses the silo's source generator.");
        }

        CheckClasses(classes, findings);
        CheckStates(classes, isStorageConfigured, findings);
        if (findings.Count > 0)
            throw new OrleansConfigurationException($"The silo does not start: {findings.Count} rule(s) of grains are broken.\n- {string.Join("\n- ", findings)}");
    }

    private static Type DefinitionOf(Type type) => type.IsGenericType ? type.GetGenericTypeDefinition() : type;

    private static void CheckInterface(Type type, HashSet<Type> checkedTypes, List<string> findings)
    {
        if (!typeof(IGrainWithStringKey).IsAssignableFrom(type)) findings.Add($"{type}: a grain interface must derive from {nameof(IGrainWithStringKey)}.");
        if (type.IsGenericType) findings.Add($"{type}: a grain interface must not be generic.");

        // Members of plain interfaces that it derives from are its own; grain interfaces among them are checked for themselves.
        foreach (var part in type.GetInterfaces().Where(parent => !typeof(IAddressable).IsAssignableFrom(parent)).Prepend(type))
        {
            foreach (var member in part.GetMembers().Where(member => member is PropertyInfo or EventInfo))
                findings.Add($"{type}.{member.Name}: a grain interface may have methods only, no properties or events.");
            foreach (var method in part.GetMethods().Where(method => !method.IsSpecialName)) CheckMethod(type, method, checkedTypes, findings);
        }
    }

    private static void CheckMethod(Type type, MethodInfo method, HashSet<Type> checkedTypes, List<string> findings)
    {
        var name = $"{type}.{method.Name}";
        if (method.IsStatic) return;
        if (method.IsGenericMethod) findings.Add($"{name}: a grain method must not be generic.");
        var result = method.ReturnType;
        var definition = result.IsGenericType ? result.GetGenericTypeDefinition() : result;
        if (definition != typeof(Task) && definition != typeof(ValueTask) && definition != typeof(Task<>) && definition != typeof(ValueTask<>)
            && definition != typeof(IAsyncEnumerable<>))
        {
            findings.Add($"{name} returns {result}; a grain method must return Task, Task<T>, ValueTask, ValueTask<T> or IAsyncEnumerable<T>.");
        }
        else if (result.IsGenericType)
        {
            CheckTravels(result.GetGenericArguments()[0], $"the result of {name}", checkedTypes, findings);
        }

        if (method.IsDefined(typeof(OneWayAttribute)) && result != typeof(Task) && result != typeof(ValueTask))
            findings.Add($"{name} is [OneWay] and returns {result}; nobody waits for its result, so it must return Task or ValueTask.");
        var parameters = method.GetParameters();
        for (var i = 0; i < parameters.Length; i++)
        {
            var parameter = parameters[i];
            if (parameter.ParameterType.IsByRef)
                findings.Add($"{name}, parameter {parameter.Name}: ref, in and out cannot travel.");
            else if (parameter.ParameterType != typeof(CancellationToken))
                CheckTravels(parameter.ParameterType, $"parameter {parameter.Name} of {name}", checkedTypes, findings);
            else if (i < parameters.Length - 1)
                findings.Add($"{name}, parameter {parameter.Name}: a CancellationToken must be the only one and the last parameter.");
        }
    }

    private static void CheckTravels(Type type, string where, HashSet<Type> checkedTypes, List<string> findings)
    {
        if (type.IsPrimitive || type.IsEnum || KnownTypes.Contains(type) || typeof(IAddressable).IsAssignableFrom(type) || type.IsGenericParameter) return;
        if (type.IsArray)
        {
            CheckTravels(type.GetElementType()!, where, checkedTypes, findings);
            return;
        }

        if (typeof(Exception).IsAssignableFrom(type)) return;
        var isTuple = typeof(System.Runtime.CompilerServices.ITuple).IsAssignableFrom(type) && type.Namespace == "System";
        if (type.IsGenericType && (isTuple || KnownGenerics.Contains(type.GetGenericTypeDefinition())))
        {
            foreach (var argument in type.GetGenericArguments()) CheckTravels(argument, where, checkedTypes, findings);
            return;
        }

        if (!checkedTypes.Add(type)) return;
        if (!type.IsDefined(typeof(GenerateSerializerAttribute), inherit: false))
        {
            findings.Add($"{type}, {where}: a type that travels to or from grains must be a primitive, a known collection or carry [GenerateSerializer].");
            return;
        }

        if (type.BaseType is { } parent && parent != typeof(object) && parent != typeof(ValueType))
            CheckTravels(parent, $"the base of {type}", checkedTypes, findings);
        CheckMembers(type, checkedTypes, findings);
    }

    private static void CheckMembers(Type type, HashSet<Type> checkedTypes, List<string> findings)
    {
        const BindingFlags Declared = BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;
        var positional = PositionalMembers(type);
        var ids = new Dictionary<uint, string>();
        foreach (var field in type.GetFields(Declared))
        {
            var property = field.Name.StartsWith('<') ? type.GetProperty(field.Name[1..field.Name.IndexOf('>', StringComparison.Ordinal)], Declared) : null;
            var member = (MemberInfo?)property ?? field;
            var id = member.GetCustomAttribute<IdAttribute>()?.Id;
            if (field.IsDefined(typeof(NonSerializedAttribute))) continue;
            if (id is null && !positional.Contains(member.Name))
                findings.Add($"{type}.{member.Name} has no [Id(n)]: members of a [GenerateSerializer] type need one, unless they are parameters of a positional record.");
            else if (id is { } number && !ids.TryAdd(number, member.Name))
                findings.Add($"{type}.{member.Name} has [Id({number})], which {ids[number]} has as well.");
            CheckTravels(field.FieldType, $"member {member.Name} of {type}", checkedTypes, findings);
        }
    }

    private static HashSet<string> PositionalMembers(Type type)
    {
        // Only a record has a compiler-made printer of its members; its widest constructor is the positional one.
        var isRecord = type.GetMethod("PrintMembers", BindingFlags.Instance | BindingFlags.NonPublic | BindingFlags.DeclaredOnly) is not null;
        if (!isRecord) return [];
        var widest = type.GetConstructors().OrderByDescending(constructor => constructor.GetParameters().Length).FirstOrDefault();
        return [.. widest?.GetParameters().Select(parameter => parameter.Name!) ?? []];
    }

    private static void CheckClasses(IReadOnlyCollection<Type> classes, List<string> findings)
    {
        foreach (var type in classes)
        {
            if (!type.GetInterfaces().Any(IsGrainInterface)) findings.Add($"{type} implements no grain interface, so nobody could call it.");
            if (!typeof(IGrainBase).IsAssignableFrom(type)) findings.Add($"{type} must derive from {nameof(Grain)} or implement {nameof(IGrainBase)}.");
            if (type.IsGenericType) findings.Add($"{type}: a grain class must not be generic.");
            if (type.GetConstructors(BindingFlags.Instance | BindingFlags.Public).Length != 1) findings.Add($"{type} must have one public constructor.");
            if (GrainClassFactory.InterleaveProblem(type) is { } problem) findings.Add(problem);
        }

        foreach (var twice in classes.GroupBy(GrainClassFactory.GrainTypeOf).Where(group => group.Count() > 1))
            findings.Add($"Grain type '{twice.Key}' is the name of {string.Join(" and of ", twice)}: give one of them another by [GrainType(\"…\")].");
    }

    private static bool HasUnknownVersion(Type state) =>
        !state.IsValueType && state.GetProperty("SchemaVersion") is { } version && version.PropertyType == typeof(int) && state.GetConstructor(Type.EmptyTypes) is null;

    private static void CheckStates(IEnumerable<Type> classes, Predicate<string> isStorageConfigured, List<string> findings)
    {
        var owners = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var type in classes)
        {
            foreach (var parameter in type.GetConstructors().SelectMany(constructor => constructor.GetParameters()))
            {
                if (parameter.GetCustomAttribute<PersistentStateAttribute>() is not { } state) continue;
                var place = $"parameter {parameter.Name} of {type}'s constructor";
                if (!parameter.ParameterType.IsGenericType || parameter.ParameterType.GetGenericTypeDefinition() != typeof(IPersistentState<>))
                    findings.Add($"{place} carries [PersistentState] but is no IPersistentState<T>.");
                else if (parameter.ParameterType.GetGenericArguments()[0] is var stateType && HasUnknownVersion(stateType))
                    findings.Add($"{stateType}, the state of {place}, has a SchemaVersion and needs a parameterless constructor to tell the version that it writes.");
                if (string.IsNullOrWhiteSpace(state.StateName))
                    findings.Add($"{place} has an empty state name.");
                else if (!owners.TryAdd(state.StateName, place))
                    findings.Add($"State name '{state.StateName}' of {place} is already used by {owners[state.StateName]}; a state name belongs to one grain class.");
                if (!isStorageConfigured(state.StorageName))
                    findings.Add($"{place} asks for storage '{state.StorageName}', which is not configured: call AddSqliteGrainStorage(\"{state.StorageName}\") or AddMemoryGrainStorage(\"{state.StorageName}\").");
            }
        }
    }
}
