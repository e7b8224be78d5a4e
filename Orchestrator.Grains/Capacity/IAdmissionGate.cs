using Orchestrator.Interfaces.Capacity;

namespace Orchestrator.Grains.Capacity;

/// <summary>Whether this process takes tasks at all: not while it shuts down, its disk is full or its database cannot be written.</summary>
public interface IAdmissionGate
{
    /// <summary>Why no task is taken; null: they are.</summary>
    AdmissionRefusal? Refusal { get; }
}
