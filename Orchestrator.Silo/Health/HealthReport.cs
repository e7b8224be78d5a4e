using System.Reflection;
using System.Security.Cryptography;
using Orchestrator.Contracts.AgentTasks;
using Orchestrator.Silo.Callbacks;

namespace Orchestrator.Silo.Health;

/// <summary>Puts the answer of <c>/health</c> together.</summary>
internal sealed class HealthReport(
    ServiceStatus status, AdmissionGate gate, MachineChecks checks, IWorkerAuths workerAuths, CallbackTransport callbacks, HealthFigures figures)
{
    private const string OpenRouterKey = "OPENROUTER_API_KEY";

    private static readonly string Version =
        typeof(HealthReport).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "0.0.0";

    private readonly string _epochId = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));

    public async Task<HealthView> CreateAsync()
    {
        var ((capacity, owing), trouble) = await figures.ReadAsync();
        return new()
        {
            Status = trouble is null || status.Stage == ServiceStage.ShuttingDown ? Describe() : "degraded",
            Capacity = capacity.Slots,
            Running = capacity.Leased,
            Available = Math.Max(0, capacity.Slots - capacity.Leased),
            Queued = capacity.Waiting,
            GithubTokenExpiresAt = null,
            AdmissionFrozen = gate.Refusal is not null || trouble is not null,
            PendingAdmissions = capacity.PendingAdmissions,
            AdmissionActivityTotal = capacity.AdmissionsTotal,
            PendingTerminalCallbacks = owing,
            TerminalCallbackActivityTotal = callbacks.TriesTotal,
            WorkerAuths = workerAuths.Get(),
            ProviderApiKeys = new Dictionary<string, ProviderKeyView>(StringComparer.Ordinal)
            {
                [OpenRouterKey] = new(!string.IsNullOrEmpty(Environment.GetEnvironmentVariable(OpenRouterKey))),
            },
            HeldAccounts = [.. capacity.HeldAccounts.Select(held => new HeldAccountView(held.Account, held.Until))],
            DiskHealthy = checks.HasRoomOnDisk,
            LogForwarderDrain = new() { CounterEpochId = _epochId, ProcessStartedAt = status.StartedAt },
            Version = Version,
            UptimeSeconds = (long)status.Uptime.TotalSeconds,
            Checks = trouble is null ? checks.Latest : [.. checks.Latest.Where(check => check.Name != DatabaseWrites.CheckName), new(DatabaseWrites.CheckName, false, trouble)],
        };
    }

    private string Describe() => status.Stage switch
    {
        ServiceStage.Initializing => "initializing",
        ServiceStage.Recovering => "recovering",
        ServiceStage.ShuttingDown => "shutting_down",
        ServiceStage.Draining => "degraded",
        _ => checks.IsSound && gate.Refusal is null ? "ready" : "degraded",
    };
}
