using System.Globalization;
using System.Reflection;

namespace Orchestrator.EmbeddedSilo.Tests.ApiFidelity;

/// <summary>A public or protected member of a type.</summary>
/// <param name="Name">Without parameters.</param>
/// <param name="Line">As the listing would say it.</param>
/// <param name="FinePrint">What the listing leaves out and a compiler sees: constraints, default values, out, required, constants.</param>
/// <param name="IsListed">Whether the listing has such members: it leaves out operators and what it shares with every object.</param>
/// <param name="OverridesObject">Whether it overrides a method of <see cref="object"/>, and so adds nothing.</param>
internal sealed record ApiMember(string Name, string Line, string FinePrint, bool IsListed, bool OverridesObject)
{
    /// <summary>Both, for comparing two assemblies.</summary>
    public string Full => FinePrint.Length == 0 ? Line : $"{Line} {FinePrint}";
}

/// <summary>A type, rendered.</summary>
/// <param name="Kind">As in <see cref="ListedType.Kind"/>.</param>
/// <param name="Name">As in <see cref="ListedType.Name"/>.</param>
/// <param name="BaseClass">Null for none, and for those that every type of this kind has.</param>
/// <param name="Interfaces">Public ones that its base class does not have already.</param>
/// <param name="FinePrint">What the listing leaves out: readonly, underlying type, constraints, usage of an attribute.</param>
/// <param name="Members">Those the type declares itself.</param>
internal sealed record ApiType(
    string Kind, string Name, string? BaseClass, IReadOnlyList<string> Interfaces, IReadOnlyList<string> FinePrint, IReadOnlyList<ApiMember> Members);

/// <summary>Renders types, of this process or read as metadata only, in the words of the listing.</summary>
internal static class ApiFormatter
{
    private const BindingFlags Declared =
        BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    /// <summary>Renders a type.</summary>
    public static ApiType Format(Type type) => new(
        Kind(type),
        ApiNames.Of(type),
        BaseClass(type),
        [.. type.GetInterfaces().Where(IsVisible).Select(ApiNames.Of).Except(type.BaseType?.GetInterfaces().Select(ApiNames.Of) ?? [])],
        [.. TypeFinePrint(type)],
        [.. Members(type)]);

    private static string Kind(Type type) =>
        type.IsInterface ? "interface"
        : type.IsEnum ? "enum"
        : type.IsValueType ? "struct"
        : type is { IsAbstract: true, IsSealed: true } ? "static class"
        : type.IsAbstract ? "abstract class"
        : type.IsSealed ? "sealed class"
        : "class";

    private static string? BaseClass(Type type) =>
        type.IsValueType || type.BaseType is null or { FullName: "System.Object" } ? null : ApiNames.Of(type.BaseType);

    private static bool IsVisible(Type type) => type.IsNested ? type.IsNestedPublic && IsVisible(type.DeclaringType!) : type.IsPublic;

    private static IEnumerable<string> TypeFinePrint(Type type)
    {
        if (type.IsEnum) yield return $"underlying type {ApiNames.Of(type.GetEnumUnderlyingType())}";
        if (!type.IsEnum && type.IsValueType && Has(type, "System.Runtime.CompilerServices.IsReadOnlyAttribute")) yield return "readonly";
        if (type.IsByRefLike) yield return "ref";
        if (Has(type, "System.FlagsAttribute")) yield return "[Flags]";
        foreach (var constraint in Constraints(type.GetGenericArguments())) yield return constraint;
        foreach (var usage in type.GetCustomAttributesData().Where(data => Is(data, "System.AttributeUsageAttribute")))
        {
            var named = usage.NamedArguments.ToDictionary(argument => argument.MemberName, argument => (bool)argument.TypedValue.Value!, StringComparer.Ordinal);
            yield return $"[AttributeUsage({(AttributeTargets)(int)usage.ConstructorArguments[0].Value!}, "
                + $"AllowMultiple = {named.GetValueOrDefault("AllowMultiple")}, Inherited = {named.GetValueOrDefault("Inherited", defaultValue: true)})]";
        }
    }

    private static IEnumerable<ApiMember> Members(Type type) => type.IsEnum
        ? type.GetFields(Declared).Where(field => field.IsLiteral).Select(EnumValue)
        : type.GetFields(Declared).Where(field => Access(field) is not null).Select(Field)
            .Concat(type.GetProperties(Declared).Where(property => Accessors(property).Any(accessor => Access(accessor) is not null)).Select(Property))
            .Concat(type.GetEvents(Declared).Where(@event => Access(@event.AddMethod!) is not null).Select(Event))
            .Concat(type.GetConstructors(Declared).Where(constructor => !constructor.IsStatic && Access(constructor) is not null).Select(Constructor))
            .Concat(type.GetMethods(Declared).Where(method => Access(method) is not null && !IsAccessor(method)).Select(Method));

    private static ApiMember EnumValue(FieldInfo field) =>
        new(field.Name, string.Create(CultureInfo.InvariantCulture, $"{field.Name} = {field.GetRawConstantValue()}"), "", IsListed: true, OverridesObject: false);

    private static ApiMember Field(FieldInfo field) => new(
        field.Name,
        $"{Access(field)}{Static(field.IsStatic)}{ApiNames.Of(field.FieldType)} {field.Name}",
        field.IsLiteral ? $"[const {Literal(field.GetRawConstantValue())}]" : field.IsInitOnly ? "[readonly]" : "",
        IsListed: true,
        OverridesObject: false);

    private static ApiMember Property(PropertyInfo property)
    {
        var visible = Accessors(property).Where(accessor => Access(accessor) is not null).ToArray();
        var widest = visible.MinBy(accessor => Access(accessor)!.Length)!;
        var set = visible.Contains(property.SetMethod) ? IsInit(property.SetMethod!) ? " init;" : " set;" : "";
        var index = property.GetIndexParameters() is { Length: > 0 } parameters ? $"[{Parameters(parameters, isExtension: false)}]" : "";
        var finePrint = new[]
        {
            Virtual(widest).TrimEnd(),
            Has(property, "System.Runtime.CompilerServices.RequiredMemberAttribute") ? "required" : "",
            string.Concat(visible.Where(accessor => Access(accessor) != Access(widest)).Select(accessor => $"{Access(accessor)}{accessor.Name}")),
        };
        return new(
            property.Name,
            $"{Access(widest)}{Static(widest.IsStatic)}{ApiNames.Of(property.PropertyType)} {property.Name}{index} {{{(visible.Contains(property.GetMethod) ? " get;" : "")}{set} }}",
            FinePrint(finePrint),
            IsListed: true,
            OverridesObject: false);
    }

    private static ApiMember Event(EventInfo @event) => new(
        @event.Name,
        $"{Access(@event.AddMethod!)}{Static(@event.AddMethod!.IsStatic)}event {ApiNames.Of(@event.EventHandlerType!)} {@event.Name}",
        "",
        IsListed: true,
        OverridesObject: false);

    private static ApiMember Constructor(ConstructorInfo constructor) => new(
        "ctor",
        $"{Access(constructor)}ctor({Parameters(constructor.GetParameters(), isExtension: false)})",
        FinePrint([.. constructor.GetParameters().Select(ParameterFinePrint)]),
        IsListed: true,
        OverridesObject: false);

    private static ApiMember Method(MethodInfo method)
    {
        var generics = method.IsGenericMethodDefinition ? $"<{string.Join(',', method.GetGenericArguments().Select(argument => argument.Name))}>" : "";
        var isExtension = Has(method, "System.Runtime.CompilerServices.ExtensionAttribute");
        var overridesObject = method is { IsVirtual: true, DeclaringType.IsInterface: false } && !method.Attributes.HasFlag(MethodAttributes.NewSlot)
            && (method.Name, method.GetParameters()) is ("ToString" or "GetHashCode" or "Finalize", []) or ("Equals", [{ ParameterType.FullName: "System.Object" }]);
        return new(
            method.Name,
            $"{Access(method)}{Static(method.IsStatic)}{Virtual(method)}{ApiNames.Of(method.ReturnType)} {method.Name}{generics}({Parameters(method.GetParameters(), isExtension)})",
            FinePrint([.. Constraints(method.GetGenericArguments()), .. method.GetParameters().Select(ParameterFinePrint)]),
            IsListed: !method.IsSpecialName && method.Name is not ("Equals" or "GetHashCode" or "ToString" or "Finalize"),
            overridesObject);
    }

    private static string Parameters(ParameterInfo[] parameters, bool isExtension) => string.Join(", ", parameters.Select(
        parameter => $"{(isExtension && parameter.Position == 0 ? "this " : "")}{ApiNames.Of(parameter.ParameterType)} {parameter.Name}{(parameter.IsOptional ? "?" : "")}"));

    private static string ParameterFinePrint(ParameterInfo parameter) => FinePrint(
    [
        parameter.IsOut ? $"[out {parameter.Name}]" : "",
        parameter is { IsIn: true, ParameterType.IsByRef: true } ? $"[in {parameter.Name}]" : "",
        parameter.IsOptional ? $"[{parameter.Name} = {Literal(parameter.RawDefaultValue)}]" : "",
        Has(parameter, "System.ParamArrayAttribute") ? $"[params {parameter.Name}]" : "",
    ]);

    private static IEnumerable<string> Constraints(Type[] generics) => generics.Where(generic => generic.IsGenericParameter).Select(Constraint).Where(text => text.Length > 0);

    private static string Constraint(Type generic)
    {
        var attributes = generic.GenericParameterAttributes;
        var rules = new List<string>();
        if (attributes.HasFlag(GenericParameterAttributes.ReferenceTypeConstraint)) rules.Add("class");
        if (attributes.HasFlag(GenericParameterAttributes.NotNullableValueTypeConstraint)) rules.Add("struct");
        rules.AddRange(generic.GetGenericParameterConstraints().Select(ApiNames.Of).Order(StringComparer.Ordinal));
        if (attributes.HasFlag(GenericParameterAttributes.DefaultConstructorConstraint)) rules.Add("new()");
        if (attributes.HasFlag(GenericParameterAttributes.Covariant)) rules.Add("out");
        if (attributes.HasFlag(GenericParameterAttributes.Contravariant)) rules.Add("in");
        return rules.Count == 0 ? "" : $"where {generic.Name} : {string.Join(", ", rules)}";
    }

    private static string FinePrint(IEnumerable<string> parts) => string.Join(' ', parts.Where(part => part.Length > 0));

    private static string Literal(object? value) => value switch
    {
        null or DBNull or Missing => "default",
        string text => $"\"{text}\"",
        _ => Convert.ToString(value, CultureInfo.InvariantCulture)!,
    };

    private static MethodInfo[] Accessors(PropertyInfo property) => property.GetAccessors(nonPublic: true);

    /// <summary>Operators are special too, but no accessors.</summary>
    private static bool IsAccessor(MethodInfo method) => method.IsSpecialName && !method.Name.StartsWith("op_", StringComparison.Ordinal);

    private static bool IsInit(MethodInfo setter) =>
        setter.ReturnParameter.GetRequiredCustomModifiers().Any(modifier => modifier.FullName == "System.Runtime.CompilerServices.IsExternalInit");

    /// <summary>The listing shows what a deriving or implementing type may but need not replace.</summary>
    private static string Virtual(MethodInfo method) => method is { IsVirtual: true, IsFinal: false, IsAbstract: false, IsStatic: false } ? "virtual " : "";

    private static string Static(bool isStatic) => isStatic ? "static " : "";

    private static string? Access(FieldInfo field) => Access(field.IsPublic, field.IsFamily, field.IsFamilyOrAssembly);

    private static string? Access(MethodBase method) => Access(method.IsPublic, method.IsFamily, method.IsFamilyOrAssembly);

    /// <summary>Null for what other assemblies cannot see.</summary>
    private static string? Access(bool isPublic, bool isFamily, bool isFamilyOrAssembly) =>
        isPublic ? "" : isFamily ? "protected " : isFamilyOrAssembly ? "protected internal " : null;

    private static bool Has(MemberInfo member, string attribute) => member.GetCustomAttributesData().Any(data => Is(data, attribute));

    private static bool Has(ParameterInfo parameter, string attribute) => parameter.GetCustomAttributesData().Any(data => Is(data, attribute));

    private static bool Is(CustomAttributeData data, string attribute) => data.AttributeType.FullName == attribute;
}
