namespace Orleans.Runtime;

/// <summary>One activation, as its grain and call filters see it.</summary>
public interface IGrainContext : IEquatable<IGrainContext>
{
    /// <summary>The grain's type and key.</summary>
    GrainId GrainId { get; }

    /// <summary>A reference to the grain.</summary>
    GrainReference GrainReference { get; }

    /// <summary>The grain; null until its constructor has run.</summary>
    object? GrainInstance { get; }

    /// <summary>A service scope that lives as long as the activation.</summary>
    IServiceProvider ActivationServices { get; }

    /// <summary>Ends when the activation is gone.</summary>
    Task Deactivated { get; }

    /// <summary>Ends the activation as soon as its running calls are done. Returns at once.</summary>
    /// <param name="deactivationReason">Handed to <see cref="IGrainBase.OnDeactivateAsync"/>.</param>
    /// <param name="cancellationToken">Cuts the time that <see cref="IGrainBase.OnDeactivateAsync"/> is given.</param>
    void Deactivate(DeactivationReason deactivationReason, CancellationToken cancellationToken = default);
}
