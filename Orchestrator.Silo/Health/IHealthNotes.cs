using Orchestrator.Contracts.AgentTasks;

namespace Orchestrator.Silo.Health;

/// <summary>Something that adds to the checks of <c>/health</c>.</summary>
internal interface IHealthNotes
{
    /// <summary>Answers at once, from memory. One of a name that <see cref="MachineChecks"/> has too goes before it.</summary>
    IReadOnlyList<HealthCheckView> Notes { get; }

    /// <summary>Whether the service may be called ready: existing dispatchers send nothing to one that is not.</summary>
    bool IsSound { get; }
}
