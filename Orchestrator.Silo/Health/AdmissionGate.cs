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
    public void Close(string cause, AdmissionRefusal refusal) => _causes[cause] = refusal;

    /// <summary>That cause is gone.</summary>
    public void Open(string cause) => _causes.TryRemove(cause, out _);
}
