using System.Reflection;
using System.Reflection.Emit;
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;

namespace Orchestrator.EmbeddedSilo.Tests.ApiFidelity;

/// <summary>
/// Finds the assemblies that Orleans' signatures speak of: in the packages, else in this process' own set. For an assembly that is in
/// neither (not every package of Orleans can be had) it makes up one with the type names that the packages use from it, and nothing in them.
/// </summary>
/// <param name="packagesFolder">Where the packages' assemblies lie.</param>
internal sealed class OrleansAssemblyResolver(string packagesFolder) : MetadataAssemblyResolver
{
    /// <summary>The simple names of the packages' assemblies.</summary>
    public static IReadOnlyList<string> PackageAssemblies { get; } =
        ["Orleans.Core.Abstractions", "Orleans.Serialization.Abstractions", "Orleans.Persistence.Memory"];

    private static readonly Dictionary<string, string> PlatformPaths = ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!)
        .Split(Path.PathSeparator)
        .DistinctBy(Path.GetFileNameWithoutExtension)
        .ToDictionary(path => Path.GetFileNameWithoutExtension(path), StringComparer.Ordinal);

    /// <inheritdoc />
    public override Assembly Resolve(MetadataLoadContext context, AssemblyName assemblyName)
    {
        var name = assemblyName.Name!;
        if (PackageAssemblies.Contains(name, StringComparer.Ordinal)) return context.LoadFromAssemblyPath(PackagePath(name));
        if (PlatformPaths.TryGetValue(name, out var path)) return context.LoadFromAssemblyPath(path);
        using var stub = MakeStub(assemblyName);
        return context.LoadFromStream(stub);
    }

    private string PackagePath(string name) => Path.Combine(packagesFolder, $"{name}.dll");

    private MemoryStream MakeStub(AssemblyName assemblyName)
    {
        var assembly = new PersistedAssemblyBuilder(assemblyName, typeof(object).Assembly);
        var module = assembly.DefineDynamicModule(assemblyName.Name!);
        var types = new Dictionary<string, TypeBuilder>(StringComparer.Ordinal);
        foreach (var names in PackageAssemblies.SelectMany(package => NamesUsed(PackagePath(package), assemblyName.Name!))) Define(module, types, names);
        foreach (var type in types.Values) type.CreateType();
        var stream = new MemoryStream();
        assembly.Save(stream);
        stream.Position = 0;
        return stream;
    }

    /// <summary>The types that an assembly uses from another, each as its full name, then the names nested in it.</summary>
    private static List<string[]> NamesUsed(string assemblyPath, string usedAssembly)
    {
        using var file = new PEReader(File.OpenRead(assemblyPath));
        var reader = file.GetMetadataReader();
        return [.. reader.TypeReferences.Select(Names).OfType<string[]>()];

        string[]? Names(TypeReferenceHandle handle)
        {
            var reference = reader.GetTypeReference(handle);
            var name = reader.GetString(reference.Name);
            switch (reference.ResolutionScope.Kind)
            {
                case HandleKind.AssemblyReference:
                    var from = reader.GetAssemblyReference((AssemblyReferenceHandle)reference.ResolutionScope);
                    return reader.GetString(from.Name) == usedAssembly ? [$"{reader.GetString(reference.Namespace)}.{name}"] : null;
                case HandleKind.TypeReference:
                    return Names((TypeReferenceHandle)reference.ResolutionScope) is { } outer ? [.. outer, name] : null;
                default:
                    return null;
            }
        }
    }

    private static TypeBuilder Define(ModuleBuilder module, Dictionary<string, TypeBuilder> types, string[] names)
    {
        var path = string.Join('+', names);
        if (types.TryGetValue(path, out var known)) return known;
        return types[path] = Parametrized(names is [.. var outer, var nested] && outer.Length > 0
            ? Define(module, types, outer).DefineNestedType(nested, TypeAttributes.NestedPublic)
            : module.DefineType(path, TypeAttributes.Public));
    }

    private static TypeBuilder Parametrized(TypeBuilder type)
    {
        if (type.Name.Split('`') is [_, var arity])
            type.DefineGenericParameters([.. Enumerable.Range(0, int.Parse(arity, System.Globalization.CultureInfo.InvariantCulture)).Select(number => $"T{number}")]);
        return type;
    }
}
