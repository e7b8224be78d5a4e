using Microsoft.Extensions.DependencyInjection;
using Orchestrator.EmbeddedSilo.Activations;
using Orleans.Runtime;

namespace Orleans;

/// <summary>Base class of grains. Instances are made by the runtime only.</summary>
public abstract class Grain : IGrainBase, IAddressable
{
    /// <summary>Joins the activation that is being made.</summary>
    /// <exception cref="InvalidOperationException">The instance is not made by the runtime.</exception>
    protected Grain() => GrainContext = Activation.Current
        ?? throw new InvalidOperationException($"A {GetType().Name} was made with 'new'; grains are made by the silo: call them through IGrainFactory.GetGrain.");

    /// <inheritdoc />
    public IGrainContext GrainContext { get; }

    /// <summary>A reference to this grain that others can call.</summary>
    public GrainReference GrainReference => GrainContext.GrainReference;

    /// <summary>Grain type and key, as in <see cref="GrainId.ToString"/>.</summary>
    public string IdentityString => GrainContext.GrainId.ToString();

    /// <summary>Makes references to other grains.</summary>
    protected IGrainFactory GrainFactory => ServiceProvider.GetRequiredService<IGrainFactory>();

    /// <summary>The services of this activation.</summary>
    protected internal IServiceProvider ServiceProvider => GrainContext.ActivationServices;

    /// <summary>Ends this activation as soon as the running call is done; calls that wait are served by the next one.</summary>
    protected void DeactivateOnIdle() => GrainBaseExtensions.DeactivateOnIdle(this);

    /// <summary>Keeps this activation from being collected for a time; zero or negative takes an earlier wish back.</summary>
    /// <param name="timeSpan">From now on; <see cref="Timeout.InfiniteTimeSpan"/> means for ever.</param>
    protected void DelayDeactivation(TimeSpan timeSpan) => ((Activation)GrainContext).DelayDeactivation(timeSpan);

    /// <inheritdoc cref="IGrainBase.OnActivateAsync" />
    public virtual Task OnActivateAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc cref="IGrainBase.OnDeactivateAsync" />
    public virtual Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken) => Task.CompletedTask;
}
