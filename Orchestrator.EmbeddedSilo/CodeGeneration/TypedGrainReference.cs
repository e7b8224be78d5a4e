using Orchestrator.EmbeddedSilo.Calls;
using Orleans.Runtime;

namespace Orchestrator.EmbeddedSilo.CodeGeneration;

/// <summary>What a generated reference is made from.</summary>
public readonly struct GrainReferenceKey
{
    internal GrainReferenceKey(SiloRuntime runtime, GrainId grainId) => (Runtime, GrainId) = (runtime, grainId);

    internal SiloRuntime Runtime { get; }

    internal GrainId GrainId { get; }
}

/// <summary>Base of the generated references: each method of theirs makes one call object and sends it.</summary>
public abstract class TypedGrainReference : GrainReference
{
    /// <summary>For generated code.</summary>
    protected TypedGrainReference(GrainReferenceKey key) : base(key.Runtime, key.GrainId) { }

    /// <summary>For generated code: sends, and returns what the caller awaits.</summary>
    protected Task<T> Send<T>(GrainCall<T> call)
    {
        ArgumentNullException.ThrowIfNull(call);
        var answer = call.Answer;
        Runtime.Send(this, call);
        return answer;
    }

    /// <summary>For generated code: sends; nobody waits for an answer.</summary>
    protected void SendOneWay(GrainCall<Nothing> call) => Runtime.Send(this, call);

    /// <summary>For generated code: items that the grain yields as the caller asks for them.</summary>
    protected IAsyncEnumerable<T> Stream<T>(GrainStreamSource<T> source) => new GrainStream<T>(this, source);
}
