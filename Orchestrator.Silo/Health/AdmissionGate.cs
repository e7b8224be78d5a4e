using System.Collections.Concurrent;
using Orchestrator.Grains.Capacity;
using Orchestrator.Interfaces.Capacity;

namespace Orchestrator.Silo.Health;

/// <summary>Closed for as long as any cause is there.</summary>
internal sealed class AdmissionGate : IAdmissionGate
{
    /// <summary>The service shuts down. This cause never goes away.</summary>
    public const string Shutdown = "shutdown";

    /// <summary>The disk is full.</summary>
    public const string Disk = "disk";

    /// <summary>The database cannot be written.</summary>
    public const string Database = "database";

    /// <summary>The room for the last writes on a full disk is used up, or being used.</summary>
    public const string Reserve = "reserve";

    /// <summary>The database is damaged. This cause goes away with the process.</summary>
    public const string Damage = "damage";

    private readonly ConcurrentDictionary<string, AdmissionRefusal> _causes = new(StringComparer.Ordinal);

    public AdmissionRefusal? Refusal
    {
        get
        {
            if (_causes.IsEmpty) return null;
            return _causes.TryGetValue(Shutdown, out var last) ? last : _causes.Values.FirstOrDefault();
        }
    }

    /// <summary>Refuses tasks from now on.</summary>
    /// <returns>Whether that cause is new.</returns>
    public bool Close(string cause, AdmissionRefusal refusal)
    {
        var isNew = _causes.TryAdd(cause, refusal);
        if (!isNew) _causes[cause] = refusal;
        return isNew;
    }

    public bool IsClosedBy(string cause) => _causes.ContainsKey(cause);

    /// <summary>That cause is gone.</summary>
    public void Open(string cause) => _causes.TryRemove(cause, out _);
}
