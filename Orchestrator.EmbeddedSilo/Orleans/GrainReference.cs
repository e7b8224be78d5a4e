using Orchestrator.EmbeddedSilo;
using Orchestrator.EmbeddedSilo.Activations;

namespace Orleans.Runtime;

/// <summary>An address of a grain. The typed ones are generated: <see cref="Orchestrator.EmbeddedSilo.CodeGeneration.TypedGrainReference"/>.</summary>
public class GrainReference : IAddressable, IEquatable<GrainReference>
{
    private protected GrainReference(SiloRuntime runtime, GrainId grainId) => (Runtime, GrainId) = (runtime, grainId);

    /// <summary>The grain's type and key.</summary>
    public GrainId GrainId { get; }

    internal SiloRuntime Runtime { get; }

    /// <summary>The activation that took this reference's last call: spares the next one a look into the catalog.</summary>
    internal Activation? LastActivation { get; set; }

    /// <summary>Two references are equal when they name the same grain.</summary>
    public bool Equals(GrainReference? other) => other is not null && GrainId.Equals(other.GrainId);

    /// <inheritdoc />
    public override bool Equals(object? obj) => Equals(obj as GrainReference);

    /// <inheritdoc />
    public override int GetHashCode() => GrainId.GetHashCode();

    /// <inheritdoc />
    public override string ToString() => $"GrainReference:{GrainId}";
}
