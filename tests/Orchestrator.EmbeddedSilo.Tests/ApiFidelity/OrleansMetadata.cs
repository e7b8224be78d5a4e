using System.Reflection;

namespace Orchestrator.EmbeddedSilo.Tests.ApiFidelity;

/// <summary>The assemblies of those packages of Orleans that can be had, read as metadata: none of their code runs.</summary>
internal static class OrleansMetadata
{
    private static readonly MetadataLoadContext Context = new(
        new OrleansAssemblyResolver(Path.Combine(AppContext.BaseDirectory, "ApiFidelity", "Packages")), typeof(object).Assembly.GetName().Name);

    /// <summary>Every public type of those assemblies, by its name as in <see cref="ApiType.Name"/>.</summary>
    public static IReadOnlyDictionary<string, ApiType> Types { get; } = OrleansAssemblyResolver.PackageAssemblies
        .SelectMany(name => Context.LoadFromAssemblyName(name).GetExportedTypes())
        .Select(ApiFormatter.Format)
        .ToDictionary(type => type.Name, StringComparer.Ordinal);
}
