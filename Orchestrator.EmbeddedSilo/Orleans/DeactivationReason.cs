namespace Orleans;

/// <summary>Why an activation goes.</summary>
/// <param name="code">The kind of reason.</param>
/// <param name="exception">What failed; null if nothing did.</param>
/// <param name="text">For logs.</param>
public readonly struct DeactivationReason(DeactivationReasonCode code, Exception? exception, string text)
{
    /// <summary>A reason without an exception.</summary>
    public DeactivationReason(DeactivationReasonCode code, string text) : this(code, null, text) { }

    /// <summary>The kind of reason.</summary>
    public DeactivationReasonCode ReasonCode { get; } = code;

    /// <summary>For logs.</summary>
    public string Description { get; } = text;

    /// <summary>What failed; null if nothing did.</summary>
    public Exception? Exception { get; } = exception;

    /// <inheritdoc />
    public override string ToString() => Exception is null ? $"{ReasonCode}: {Description}" : $"{ReasonCode}: {Description} {Exception.Message}";
}

/// <summary>The kinds of reasons; the numbers are Orleans'.</summary>
public enum DeactivationReasonCode : byte
{
    /// <summary>None was given.</summary>
    None = 0,

    /// <summary>The silo stops.</summary>
    ShuttingDown = 1,

    /// <summary>Constructor, state or <see cref="IGrainBase.OnActivateAsync"/> failed.</summary>
    ActivationFailed = 2,

    /// <summary>No call came for <see cref="Configuration.GrainCollectionOptions.CollectionAge"/>.</summary>
    ActivationIdle = 4,

    /// <summary>An exception made the activation's state unknown.</summary>
    ApplicationError = 8,

    /// <summary>The grain asked for it.</summary>
    ApplicationRequested = 9,

    /// <summary>The runtime asked for it.</summary>
    RuntimeRequested = 11,
}
