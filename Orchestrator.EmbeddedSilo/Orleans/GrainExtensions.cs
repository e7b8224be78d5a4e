using Orchestrator.EmbeddedSilo.Activations;
using Orleans.Runtime;

namespace Orleans;

/// <summary>Identity of grains and their references.</summary>
public static class GrainExtensions
{
    /// <summary>The grain's type and key.</summary>
    /// <exception cref="ArgumentException">Neither a reference nor a grain of this silo.</exception>
    public static GrainId GetGrainId(this IAddressable grain) => grain switch
    {
        GrainReference reference => reference.GrainId,
        IGrainBase instance => instance.GrainContext.GrainId,
        null => throw new ArgumentNullException(nameof(grain)),
        _ => throw new ArgumentException($"{grain.GetType()} is neither a grain nor a grain reference.", nameof(grain)),
    };

    /// <summary>The grain's key.</summary>
    public static string GetPrimaryKeyString(this IAddressable grain) => grain.GetGrainId().Key.ToString()!;

    /// <summary>A reference to the grain, typed as another of its interfaces.</summary>
    /// <exception cref="ArgumentException">No such grain interface is known.</exception>
    public static TGrainInterface AsReference<TGrainInterface>(this IAddressable grain)
    {
        var runtime = grain is GrainReference reference ? reference.Runtime : ((Activation)((IGrainBase)grain).GrainContext).Runtime;
        return (TGrainInterface)(object)runtime.References.Create(typeof(TGrainInterface), grain.GetGrainId());
    }
}
