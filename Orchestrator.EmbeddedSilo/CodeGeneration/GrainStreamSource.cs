namespace Orchestrator.EmbeddedSilo.CodeGeneration;

/// <summary>A call of a method that returns items; generated code derives one class from this for each such method.</summary>
public abstract class GrainStreamSource<T>(GrainMethod method, CancellationToken callerToken)
{
    internal GrainMethod Method => method;

    internal CancellationToken CallerToken => callerToken;

    internal IAsyncEnumerable<T> InvokeOn(object grain, CancellationToken cancellationToken) => Invoke(grain, cancellationToken);

    /// <summary>For generated code: calls the method.</summary>
    /// <param name="grain">The grain.</param>
    /// <param name="cancellationToken">Is cancelled when the reader stops or the activation ends.</param>
    protected abstract IAsyncEnumerable<T> Invoke(object grain, CancellationToken cancellationToken);
}
