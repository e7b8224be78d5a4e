using System.Reflection;
using Orchestrator.EmbeddedSilo.Statistics;
using Orleans.Runtime;
using Orleans.Serialization.Invocation;

namespace Orchestrator.EmbeddedSilo.Activations;

/// <summary>What is the same for all activations of a grain class.</summary>
internal sealed class GrainClass
{
    public required Type Type { get; init; }

    public required GrainType GrainType { get; init; }

    /// <summary>The interface that a grain's own reference has.</summary>
    public required Type MainInterface { get; init; }

    public required ConstructorInvoker Constructor { get; init; }

    /// <summary>One for each constructor parameter: gives its argument.</summary>
    public required Func<Activation, object?>[] Arguments { get; init; }

    public required TimeSpan CollectionAge { get; init; }

    public bool IsReentrant { get; init; }

    public bool KeepsAlive { get; init; }

    public Func<IInvokable, bool>? InterleavePredicate { get; init; }

    /// <summary>Whether calls may interleave for a reason that the calls themselves do not show.</summary>
    public bool MayInterleave => IsReentrant || InterleavePredicate is not null;

    public GrainClassStatistics Statistics { get; } = new();

    public object Create(Activation activation)
    {
        try
        {
            var arguments = new object?[Arguments.Length];
            for (var i = 0; i < arguments.Length; i++) arguments[i] = Arguments[i](activation);
            return Constructor.Invoke(arguments.AsSpan());
        }
        catch (Exception exception)
        {
            throw new InvalidOperationException($"Failed to create an instance of grain type '{Type}'. See InnerException for details.",
                exception is TargetInvocationException { InnerException: { } inner } ? inner : exception);
        }
    }
}
