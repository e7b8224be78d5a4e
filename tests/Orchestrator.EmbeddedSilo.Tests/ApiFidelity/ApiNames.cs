namespace Orchestrator.EmbeddedSilo.Tests.ApiFidelity;

/// <summary>Names of types as the listing writes them.</summary>
internal static class ApiNames
{
    private static readonly HashSet<string> NamespacesDropped = new(StringComparer.Ordinal)
    {
        "System.Collections.Generic", "System.Threading", "System.Threading.Tasks",
    };

    private static readonly HashSet<string> PrefixDropped = new(StringComparer.Ordinal)
    {
        "Action", "Attribute", "DateTime", "Double", "Exception", "Func", "Guid", "IDisposable", "Int16", "Object", "TimeSpan", "Type",
    };

    private static readonly Dictionary<string, string> Keywords = new(StringComparer.Ordinal)
    {
        ["Boolean"] = "bool",
        ["Int32"] = "int",
        ["Int64"] = "long",
        ["String"] = "string",
    };

    /// <summary>Full name with type arguments, shortened for what is in every signature.</summary>
    public static string Of(Type type)
    {
        if (type.IsByRef) return $"{Of(type.GetElementType()!)}&";
        if (type.IsArray) return $"{Of(type.GetElementType()!)}[{new string(',', type.GetArrayRank() - 1)}]";
        if (type.IsPointer) return $"{Of(type.GetElementType()!)}*";
        if (type.IsGenericParameter) return type.Name;
        var name = Prefix(type) + Simple(type);
        return type.GetGenericArguments() is { Length: > 0 } arguments ? $"{name}<{string.Join(',', arguments.Select(Of))}>" : name;
    }

    private static string Prefix(Type type)
    {
        if (type.IsNested) return $"{Prefix(type.DeclaringType!)}{Simple(type.DeclaringType!)}+";
        if (string.IsNullOrEmpty(type.Namespace) || NamespacesDropped.Contains(type.Namespace)) return "";
        var isShort = type.Namespace == "System" && (PrefixDropped.Contains(WithoutArity(type)) || Keywords.ContainsKey(type.Name));
        return isShort ? "" : $"{type.Namespace}.";
    }

    private static string Simple(Type type) => type.Namespace == "System" && Keywords.TryGetValue(type.Name, out var keyword) ? keyword : WithoutArity(type);

    private static string WithoutArity(Type type) => type.Name.Split('`')[0];
}
