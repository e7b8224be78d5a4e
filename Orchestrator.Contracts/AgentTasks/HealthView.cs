namespace Orchestrator.Contracts.AgentTasks;

/// <summary>The answer to <c>GET /health</c>. Existing probes refuse it when one member is missing or of another type.</summary>
public sealed record HealthView
{
    /// <summary><c>initializing</c>, <c>recovering</c>, <c>ready</c>, <c>degraded</c>, <c>auth_degraded</c> or <c>shutting_down</c>. A full service is <c>ready</c>.</summary>
    public required string Status { get; init; }

    /// <summary>Slots.</summary>
    public required int Capacity { get; init; }

    /// <summary>Slots taken.</summary>
    public required int Running { get; init; }

    /// <summary>Slots free.</summary>
    public required int Available { get; init; }

    /// <summary>Tasks that wait.</summary>
    public required int Queued { get; init; }

    /// <summary>When the GitHub token expires; null: there is none.</summary>
    public required DateTimeOffset? GithubTokenExpiresAt { get; init; }

    /// <summary>2.</summary>
    public int HealthContractVersion { get; init; } = 2;

    /// <summary>Whether no task is taken at the moment.</summary>
    public required bool AdmissionFrozen { get; init; }

    /// <summary>Tasks that may come and are not stored yet.</summary>
    public required int PendingAdmissions { get; init; }

    /// <summary>Tasks admitted since the start.</summary>
    public required long AdmissionActivityTotal { get; init; }

    /// <summary>Always null: there are no containers.</summary>
    public object? WorkerContainers { get; init; }

    /// <summary>Tasks that owe their completion callback.</summary>
    public required int PendingTerminalCallbacks { get; init; }

    /// <summary>Completion callbacks that came up since the start.</summary>
    public required long TerminalCallbackActivityTotal { get; init; }

    /// <summary>By agent.</summary>
    public required IReadOnlyDictionary<string, WorkerAuthView> WorkerAuths { get; init; }

    /// <summary>By the name of the key.</summary>
    public required IReadOnlyDictionary<string, ProviderKeyView> ProviderApiKeys { get; init; }

    /// <summary>Always true: nothing here needs Docker, and probes refuse false.</summary>
    public bool DockerHealthy { get; init; } = true;

    /// <summary>Whether there is room on the disk.</summary>
    public required bool DiskHealthy { get; init; }

    /// <summary>Exactly these 14 members.</summary>
    public required LogForwarderDrainView LogForwarderDrain { get; init; }

    /// <summary>The service's version.</summary>
    public required string Version { get; init; }

    /// <summary>Since the start, seconds.</summary>
    public required long UptimeSeconds { get; init; }

    /// <summary>Accounts whose usage limit is reached: none of their agents is started before that time. Empty: none is.</summary>
    public IReadOnlyList<HeldAccountView> HeldAccounts { get; init; } = [];

    /// <summary>What the service needs on this machine.</summary>
    public required IReadOnlyList<HealthCheckView> Checks { get; init; }
}

/// <summary>An account that may not be used until then.</summary>
/// <param name="Account">Who pays, as the agents table names it: worker types that share an account, such as <c>opus</c> and <c>sonnet</c>, are held together.</param>
/// <param name="Until">UTC.</param>
public sealed record HeldAccountView(string Account, DateTimeOffset Until);

/// <summary>Whether an agent can log in: <c>active</c>, <c>not_configured</c>, <c>expired</c> or <c>invalid</c>.</summary>
public sealed record WorkerAuthView(string Status, string? AuthMode, bool RefreshSupported);

/// <summary>Whether a key is there.</summary>
public sealed record ProviderKeyView(bool Configured);

/// <summary>One thing that is needed.</summary>
public sealed record HealthCheckView(string Name, bool Ok, string Detail);

/// <summary>Log forwarding, in the members that existing probes count.</summary>
public sealed record LogForwarderDrainView
{
    /// <summary>32 lower-case hex digits, new at every start.</summary>
    public required string CounterEpochId { get; init; }

    /// <summary>UTC.</summary>
    public required DateTimeOffset ProcessStartedAt { get; init; }

    /// <summary>Forwarders at work.</summary>
    public int ActiveForwarders { get; init; }

    /// <summary>Bytes that wait.</summary>
    public long BufferedBytes { get; init; }

    /// <summary>Bytes of a line that has not ended.</summary>
    public long PartialLineBytes { get; init; }

    /// <summary>Chunks that wait.</summary>
    public int QueuedChunks { get; init; }

    /// <summary>Requests under way.</summary>
    public int InFlightBatches { get; init; }

    /// <summary>Chunks under way.</summary>
    public int InFlightChunks { get; init; }

    /// <summary>Flushes under way.</summary>
    public int ActiveFlushOperations { get; init; }

    /// <summary>Uploads under way.</summary>
    public int OpenUploadRequests { get; init; }

    /// <summary>Retries under way.</summary>
    public int DetachedUploadRetryPromises { get; init; }

    /// <summary>Chunks given up.</summary>
    public long DroppedChunksTotal { get; init; }

    /// <summary>What forwarders did since the start.</summary>
    public long ForwarderActivityTotal { get; init; }

    /// <summary>When they last did something; null: never.</summary>
    public DateTimeOffset? LastActivityAt { get; init; }
}
