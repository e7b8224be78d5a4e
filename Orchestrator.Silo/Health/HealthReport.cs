using System.Reflection;
using System.Security.Cryptography;
using Orchestrator.Contracts.AgentTasks;
using Orchestrator.Interfaces.Capacity;
using Orchestrator.Silo.Callbacks;

namespace Orchestrator.Silo.Health;

/// <summary>Puts the answer of <c>/health</c> together.</summary>
internal sealed class HealthReport(
    ServiceStatus status, AdmissionGate gate, MachineChecks checks, IWorkerAuths workerAuths, CallbackTransport callbacks, HealthFigures figures, PoolChecks pool)
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
            Status = (trouble is null && capacity.Mode != PoolMode.Draining) || status.Stage == ServiceStage.ShuttingDown ? Describe() : "degraded",
            Capacity = capacity.Slots,
            Running = capacity.Leased,
            Available = capacity.GivesNone is null ? Math.Max(0, capacity.Slots - capacity.Leased) : 0,
            Queued = capacity.Waiting + capacity.Aside,
            GithubTokenExpiresAt = null,
            AdmissionFrozen = gate.Refusal is not null || trouble is not null || capacity.Mode == PoolMode.Draining,
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
            Checks =
            [
                .. checks.Latest.Where(check => trouble is null || check.Name != DatabaseWrites.CheckName), .. pool.Of(capacity),
                .. trouble is null ? Array.Empty<HealthCheckView>() : [new(DatabaseWrites.CheckName, false, trouble)],
            ],
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
