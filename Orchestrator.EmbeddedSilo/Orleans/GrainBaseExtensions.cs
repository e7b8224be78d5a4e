using Orchestrator.EmbeddedSilo.Activations;
using Orchestrator.EmbeddedSilo.Timers;
using Orleans.Runtime;

namespace Orleans;

/// <summary>What a grain may ask of its activation.</summary>
public static class GrainBaseExtensions
{
    /// <summary>Ends the activation as soon as the running call is done; calls that wait are served by the next one.</summary>
    public static void DeactivateOnIdle(this IGrainBase grain) =>
        grain.GrainContext.Deactivate(new(DeactivationReasonCode.ApplicationRequested, $"{nameof(DeactivateOnIdle)} was called."));

    /// <inheritdoc cref="RegisterGrainTimer{TState}(IGrainBase, Func{TState, CancellationToken, Task}, TState, GrainTimerCreationOptions)" />
    public static IGrainTimer RegisterGrainTimer(this IGrainBase grain, Func<CancellationToken, Task> callback, GrainTimerCreationOptions options) =>
        RegisterGrainTimer(grain, static (call, token) => call(token), Checked(callback), options);

    /// <inheritdoc cref="RegisterGrainTimer{TState}(IGrainBase, Func{TState, CancellationToken, Task}, TState, GrainTimerCreationOptions)" />
    public static IGrainTimer RegisterGrainTimer(this IGrainBase grain, Func<Task> callback, GrainTimerCreationOptions options) =>
        RegisterGrainTimer(grain, static (call, _) => call(), Checked(callback), options);

    /// <inheritdoc cref="RegisterGrainTimer{TState}(IGrainBase, Func{TState, CancellationToken, Task}, TState, GrainTimerCreationOptions)" />
    public static IGrainTimer RegisterGrainTimer<TState>(
        this IGrainBase grain, Func<TState, Task> callback, TState state, GrainTimerCreationOptions options) =>
        RegisterGrainTimer(grain, static (both, _) => both.callback(both.state), (callback: Checked(callback), state), options);

    /// <summary>
    /// Starts a timer that lives as long as the activation and whose ticks are turns of the grain. The next tick is due one period after the
    /// last one ended; a tick that fails is logged and the timer goes on.
    /// </summary>
    /// <param name="grain">The grain, inside one of its turns.</param>
    /// <param name="callback">Its token is cancelled when the timer is disposed of or the activation ends.</param>
    /// <param name="state">Handed to the callback.</param>
    /// <param name="options">Due time, period, and whether ticks interleave with calls or keep the grain active.</param>
    /// <exception cref="ArgumentOutOfRangeException">Due time or period is negative (other than infinite) or beyond 49 days.</exception>
    /// <exception cref="InvalidOperationException">Called from outside the grain.</exception>
    public static IGrainTimer RegisterGrainTimer<TState>(
        this IGrainBase grain, Func<TState, CancellationToken, Task> callback, TState state, GrainTimerCreationOptions options)
    {
        ArgumentNullException.ThrowIfNull(grain);
        ArgumentNullException.ThrowIfNull(callback);
        return GrainTimer.Start((Activation)grain.GrainContext, token => callback(state, token), options);
    }

    private static T Checked<T>(T callback)
        where T : Delegate => callback ?? throw new ArgumentNullException(nameof(callback));
}
