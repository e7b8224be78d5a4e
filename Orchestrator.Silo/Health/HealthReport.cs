using System.Reflection;
using System.Security.Cryptography;
using Microsoft.Extensions.Options;
using Orchestrator.Contracts.AgentTasks;
using Orchestrator.Grains.Capacity;
using Orchestrator.Interfaces.Capacity;
using Orchestrator.Silo.Callbacks;

namespace Orchestrator.Silo.Health;

/// <summary>Puts the answer of <c>/health</c> together.</summary>
internal sealed class HealthReport(
    ServiceStatus status, AdmissionGate gate, MachineChecks checks, IWorkerAuths workerAuths, CallbackTransport callbacks, HealthFigures figures, PoolChecks pool,
    IEnumerable<IHealthNotes> notes, IOptions<CapacityOptions> options)
{
    private const string OpenRouterKey = "OPENROUTER_API_KEY";

    public static readonly string Version =
        typeof(HealthReport).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "0.0.0";

    private readonly string _epochId = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));

    public static IReadOnlyDictionary<string, ProviderKeyView> ReadProviderKeys() => new Dictionary<string, ProviderKeyView>(StringComparer.Ordinal)
    {
        [OpenRouterKey] = new(!string.IsNullOrEmpty(Environment.GetEnvironmentVariable(OpenRouterKey))),
    };

    public async Task<HealthView> CreateAsync()
    {
        var ((capacity, owing), trouble) = await figures.ReadAsync();
        return new()
        {
            Status = (trouble is null && capacity.Mode != PoolMode.Draining) || status.Stage == ServiceStage.ShuttingDown ? Describe() : "degraded",
            Capacity = capacity.Slots,
            Running = capacity.Leased,
            Available = capacity.GivesNone is null ? Math.Max(0, capacity.Slots - TakenOf(capacity)) : 0,
            Queued = capacity.Waiting + capacity.Aside,
            GithubTokenExpiresAt = null,
            AdmissionFrozen = gate.Refusal is not null || trouble is not null || capacity.Mode == PoolMode.Draining,
            PendingAdmissions = capacity.PendingAdmissions,
            AdmissionActivityTotal = capacity.AdmissionsTotal,
            PendingTerminalCallbacks = owing,
            TerminalCallbackActivityTotal = callbacks.TriesTotal,
            WorkerAuths = workerAuths.Get(),
            ProviderApiKeys = ReadProviderKeys(),
            HeldAccounts = [.. capacity.HeldAccounts.Select(held => new HeldAccountView(held.Account, held.Until))],
            DiskHealthy = checks.HasRoomOnDisk,
            LogForwarderDrain = new() { CounterEpochId = _epochId, ProcessStartedAt = status.StartedAt },
            Version = Version,
            UptimeSeconds = (long)status.Uptime.TotalSeconds,
            Checks = ListChecks(trouble, capacity),
        };
    }

    /// <summary>Without a line a slot is free for a task only when nobody else will want it: what is said to be available is what is taken.</summary>
    private int TakenOf(CapacitySnapshot capacity) =>
        options.Value.QueueLimit > 0 ? capacity.Leased : capacity.Leased + capacity.Waiting + capacity.Aside + capacity.PendingAdmissions;

    /// <summary>One of each name: what notes say goes before the looks at the machine, and trouble with the figures before the latter.</summary>
    private IReadOnlyList<HealthCheckView> ListChecks(string? trouble, CapacitySnapshot capacity)
    {
        List<HealthCheckView> noted = [.. notes.SelectMany(source => source.Notes)];
        if (trouble is not null && noted.All(note => note.Name != DatabaseWrites.CheckName || note.Ok))
        {
            noted.RemoveAll(note => note.Name == DatabaseWrites.CheckName);
            noted.Add(new(DatabaseWrites.CheckName, false, trouble));
        }

        return [.. checks.Latest.Where(check => noted.All(note => note.Name != check.Name)), .. pool.Of(capacity), .. noted];
    }

    private string Describe() => status.Stage switch
    {
        ServiceStage.Initializing => "initializing",
        ServiceStage.Recovering => "recovering",
        ServiceStage.ShuttingDown => "shutting_down",
        ServiceStage.Draining => "degraded",
        _ => checks.IsSound && gate.Refusal is null && notes.All(source => source.IsSound) ? "ready" : "degraded",
    };
}
