using Orleans.Runtime;

namespace Orleans;

/// <summary>What every grain class is to the runtime. Most derive from <see cref="Grain"/>.</summary>
public interface IGrainBase
{
    /// <summary>The activation that this instance belongs to.</summary>
    IGrainContext GrainContext { get; }

    /// <summary>Runs after the state was read and before the first call. An exception fails the calls that wait and leaves no activation.</summary>
    /// <param name="token">Is cancelled when activation takes longer than <see cref="Configuration.GrainCollectionOptions.ActivationTimeout"/>.</param>
    Task OnActivateAsync(CancellationToken token) => Task.CompletedTask;

    /// <summary>Runs after the last call and after the timers have stopped. An exception is logged and ignored.</summary>
    /// <param name="reason">Why the activation goes.</param>
    /// <param name="token">Is cancelled when deactivation takes longer than <see cref="Configuration.GrainCollectionOptions.DeactivationTimeout"/>.</param>
    Task OnDeactivateAsync(DeactivationReason reason, CancellationToken token) => Task.CompletedTask;
}
