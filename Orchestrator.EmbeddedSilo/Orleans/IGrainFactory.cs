using Orleans.Runtime;

namespace Orleans;

/// <summary>Makes references to grains. A reference costs nothing until it is called.</summary>
public interface IGrainFactory
{
    /// <summary>A reference to the grain of that interface and key.</summary>
    /// <param name="primaryKey">The grain's key, not null.</param>
    /// <param name="grainClassNamePrefix">Where several classes implement the interface: how the full name of the wanted one starts. Null means there is one.</param>
    /// <exception cref="ArgumentException">No class, or more than one, implements the interface.</exception>
    TGrainInterface GetGrain<TGrainInterface>(string primaryKey, string? grainClassNamePrefix = null)
        where TGrainInterface : IGrainWithStringKey;

    /// <summary>A reference to the grain of that type and key.</summary>
    TGrainInterface GetGrain<TGrainInterface>(GrainId grainId)
        where TGrainInterface : IAddressable;

    /// <summary>A reference to the grain of that interface and key.</summary>
    IGrain GetGrain(Type grainInterfaceType, string grainPrimaryKey);
}

/// <summary>Access to grains from outside them, such as from an HTTP endpoint.</summary>
public interface IClusterClient : IGrainFactory
{
    /// <summary>The services of the host.</summary>
    IServiceProvider ServiceProvider { get; }
}
