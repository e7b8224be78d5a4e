namespace Orleans.Configuration;

/// <summary>Names of the cluster, for logs and metrics.</summary>
public class ClusterOptions
{
    /// <summary>Default: <c>default</c>.</summary>
    public string ClusterId { get; set; } = "default";

    /// <summary>Default: <c>default</c>.</summary>
    public string ServiceId { get; set; } = "default";
}

/// <summary>When activations go.</summary>
public class GrainCollectionOptions
{
    /// <summary>How long an activation may be without a call. Default: 15 minutes. Must be more than <see cref="CollectionQuantum"/>.</summary>
    public TimeSpan CollectionAge { get; set; } = TimeSpan.FromMinutes(15);

    /// <summary>Other ages for some classes, by full name.</summary>
    public Dictionary<string, TimeSpan> ClassSpecificCollectionAge { get; set; } = [];

    /// <summary>How often idle activations are looked for. Default: 1 minute.</summary>
    public TimeSpan CollectionQuantum { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>How long activation may take before its token is cancelled and it fails. Default: 30 seconds.</summary>
    public TimeSpan ActivationTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How long <see cref="IGrainBase.OnDeactivateAsync"/> may take before its token is cancelled and it is left behind. Default: 30 seconds.</summary>
    public TimeSpan DeactivationTimeout { get; set; } = TimeSpan.FromSeconds(30);
}

/// <summary>Limits of calls.</summary>
public abstract class MessagingOptions
{
    /// <summary>How long a caller waits before it gets a <see cref="TimeoutException"/>. Default: 30 seconds.</summary>
    public TimeSpan ResponseTimeout { get; set; } = TimeSpan.FromSeconds(30);
}

/// <inheritdoc />
public class SiloMessagingOptions : MessagingOptions;

/// <summary>Memory storage has nothing to set here.</summary>
public class MemoryGrainStorageOptions;
