using System.Reflection;
using System.Runtime.Loader;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Orchestrator.EmbeddedSilo.Generator;
using Orchestrator.EmbeddedSilo.Startup;
using Orleans.Hosting;

namespace Orchestrator.EmbeddedSilo.Tests.StartupChecks;

/// <summary>
/// Grains that a test compiles from source with our generator, and a silo of these alone: a grain that breaks a rule would stop every silo of an
/// assembly that has it.
/// </summary>
internal sealed class CompiledGrains : IDisposable
{
    private const string Usings =
        """
        using System;
        using System.Collections.Generic;
        using System.Collections.Immutable;
        using System.Linq;
        using System.Threading;
        using System.Threading.Tasks;
        using Orleans;
        using Orleans.Concurrency;
        using Orleans.Runtime;
        using Orleans.Serialization.Invocation;

        """;

    private static readonly CSharpParseOptions Parse = new(LanguageVersion.CSharp13, DocumentationMode.Parse);

    /// <summary>All compilations have one name and come from this one, so that they share what they have read of the references.</summary>
    private static readonly CSharpCompilation Empty = CSharpCompilation.Create(
        "CompiledByTest",
        references: ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator).Select(path => MetadataReference.CreateFromFile(path)),
        options: new(OutputKind.DynamicallyLinkedLibrary, nullableContextOptions: NullableContextOptions.Enable, warningLevel: 9999));

    private readonly AssemblyLoadContext _context = new("grains compiled by a test", isCollectible: true);

    private CompiledGrains()
    {
    }

    public Assembly Assembly { get; private set; } = null!;

    /// <summary>Compiles; a warning or an error, also in generated code, fails the test.</summary>
    public static CompiledGrains Compile(string source)
    {
        var compilation = Empty.AddSyntaxTrees(CSharpSyntaxTree.ParseText(Usings + source, Parse));
        GeneratorDriver driver = CSharpGeneratorDriver.Create([new GrainGenerator().AsSourceGenerator()], parseOptions: Parse);
        driver = driver.RunGeneratorsAndUpdateCompilation(compilation, out var generated, out var reported);
        using var image = new MemoryStream();
        var emitted = generated.Emit(image);
        var complaints = reported.Concat(emitted.Diagnostics).Where(diagnostic => diagnostic.Severity >= DiagnosticSeverity.Warning).ToList();
        var text = emitted.Success ? "" : string.Join("\n", driver.GetRunResult().GeneratedTrees.Select(tree => tree.ToString()));
        Assert.True(emitted.Success && complaints.Count == 0, $"{string.Join("\n", complaints)}\n{text}");
        image.Position = 0;
        var grains = new CompiledGrains();
        grains.Assembly = grains._context.LoadFromStream(image);
        return grains;
    }

    /// <summary>A silo of these grains, not started. Storage "Default" is configured, and no other.</summary>
    public IHost BuildHost()
    {
        var builder = Host.CreateEmptyApplicationBuilder(new());
        builder.Services.AddSingleton(GrainAssemblies.Register([Assembly]));
        builder.UseOrleans(silo => silo.AddMemoryGrainStorageAsDefault().UseInMemoryReminderService());
        return builder.Build();
    }

    public Type Type(string name) => Assembly.GetType(name, throwOnError: true)!;

    /// <summary>Runs a static method without parameters of the compiled source, which may use grains.</summary>
    public Task RunAsync(string type, string method, IServiceProvider services) =>
        (Task)Type(type).GetMethod(method)!.Invoke(null, [services.GetRequiredService<Orleans.IGrainFactory>()])!;

    public void Dispose() => _context.Unload();
}
