using Orchestrator.EmbeddedSilo.CodeGeneration;
using Orleans;
using Orleans.Runtime;

namespace Orchestrator.EmbeddedSilo.Calls;

/// <summary>Makes typed references from the factories that generated code registered.</summary>
internal sealed class GrainReferenceFactory(SiloRuntime runtime) : IClusterClient
{
    public IServiceProvider ServiceProvider => runtime.Services;

    public TGrainInterface GetGrain<TGrainInterface>(string primaryKey, string? grainClassNamePrefix = null)
        where TGrainInterface : IGrainWithStringKey =>
        (TGrainInterface)(object)Create(typeof(TGrainInterface), primaryKey, grainClassNamePrefix);

    public IGrain GetGrain(Type grainInterfaceType, string grainPrimaryKey) => (IGrain)Create(grainInterfaceType, grainPrimaryKey, prefix: null);

    public TGrainInterface GetGrain<TGrainInterface>(GrainId grainId)
        where TGrainInterface : IAddressable =>
        (TGrainInterface)(object)Create(typeof(TGrainInterface), grainId);

    public TypedGrainReference Create(Type grainInterface, GrainId grainId) => runtime.Registry.Interface(grainInterface).Create(new(runtime, grainId));

    private TypedGrainReference Create(Type grainInterface, string key, string? prefix)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(key, "primaryKey");
        var entry = runtime.Registry.Interface(grainInterface);
        return entry.Create(new(runtime, GrainId.Create(entry.GrainTypeFor(prefix), key)));
    }
}
