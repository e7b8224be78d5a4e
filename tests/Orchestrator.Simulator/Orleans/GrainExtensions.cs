using Orleans.Runtime;

namespace Orleans;

/// <summary>Identity and timers of grains.</summary>
public static class GrainExtensions
{
    /// <summary>The grain's key.</summary>
    public static string GetPrimaryKeyString(this Grain grain) => grain.Activation.Key;

    /// <summary>A reference to the grain.</summary>
    public static TGrainInterface AsReference<TGrainInterface>(this Grain grain)
        where TGrainInterface : IGrainWithStringKey => grain.Activation.Silo.GetGrain<TGrainInterface>(grain.Activation.Key);

    /// <summary>Starts a timer that lives as long as the activation and whose ticks are turns of the grain.</summary>
    public static IGrainTimer RegisterGrainTimer(this Grain grain, Func<Task> callback, GrainTimerCreationOptions options) =>
        grain.Activation.StartTimer(_ => callback(), options);

    /// <inheritdoc cref="RegisterGrainTimer(Grain, Func{Task}, GrainTimerCreationOptions)" />
    public static IGrainTimer RegisterGrainTimer(this Grain grain, Func<CancellationToken, Task> callback, GrainTimerCreationOptions options) =>
        grain.Activation.StartTimer(callback, options);
}
