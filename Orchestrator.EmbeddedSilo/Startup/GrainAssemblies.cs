using System.Reflection;
using System.Runtime.Loader;
using Orchestrator.EmbeddedSilo.CodeGeneration;

namespace Orchestrator.EmbeddedSilo.Startup;

/// <summary>Finds the assemblies that the source generator has worked on: those loaded, and those they refer to.</summary>
internal static class GrainAssemblies
{
    public static GrainRegistry Discover() => Register(WithReferences(AssemblyLoadContext.Default.Assemblies));

    public static GrainRegistry Register(IEnumerable<Assembly> assemblies)
    {
        var registry = new GrainRegistry();
        foreach (var attribute in assemblies.SelectMany(assembly => assembly.GetCustomAttributes<GrainAssemblyAttribute>()))
            ((GrainAssemblyPart)Activator.CreateInstance(attribute.Part)!).Register(registry);
        return registry;
    }

    private static HashSet<Assembly> WithReferences(IEnumerable<Assembly> loaded)
    {
        var silo = typeof(GrainAssemblies).Assembly.GetName().Name;
        var found = new HashSet<Assembly>();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var open = new Stack<Assembly>(loaded.Where(assembly => !assembly.IsDynamic));
        while (open.TryPop(out var assembly))
        {
            var references = assembly.GetReferencedAssemblies();

            // Whoever has grains refers to this assembly; those that do not cannot lead to grains either, unless they refer to one that has.
            if (references.Any(reference => reference.Name == silo)) found.Add(assembly);
            foreach (var reference in references)
            {
                if (IsFramework(reference.Name!) || !seen.Add(reference.FullName)) continue;
                if (TryLoad(reference) is { } next) open.Push(next);
            }
        }

        return found;
    }

    private static bool IsFramework(string name) =>
        name.StartsWith("System.", StringComparison.Ordinal) || name.StartsWith("Microsoft.", StringComparison.Ordinal) || name is "netstandard" or "mscorlib";

    private static Assembly? TryLoad(AssemblyName name)
    {
        try
        {
            return Assembly.Load(name);
        }
        catch (FileNotFoundException)
        {
            return null; // An optional dependency that was not deployed has no grains.
        }
    }
}
