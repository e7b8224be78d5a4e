using Orchestrator.Simulator.Runtime;
using Orleans.Runtime;

namespace Orleans;

/// <summary>Base class of grains, as the simulator hosts them.</summary>
public abstract class Grain : IAddressable
{
    /// <summary>Joins the activation that is being made.</summary>
    protected Grain() => Activation = Activation.Creating ?? throw new InvalidOperationException($"A {GetType().Name} was made with 'new'.");

    internal Activation Activation { get; }

    /// <summary>Makes references to other grains.</summary>
    protected IGrainFactory GrainFactory => Activation.Silo;

    /// <summary>Ends this activation as soon as the running call is done.</summary>
    protected void DeactivateOnIdle() => Activation.DeactivateOnIdle();

    /// <summary>Keeps this activation from being collected; the simulator collects only when a schedule says so.</summary>
    protected void DelayDeactivation(TimeSpan timeSpan) => Activation.IsKept = timeSpan != TimeSpan.Zero;

    /// <summary>Runs after the state was read and before the first call.</summary>
    public virtual Task OnActivateAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Runs after the last call.</summary>
    public virtual Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken) => Task.CompletedTask;
}
