using Orchestrator.Interfaces.AgentTasks;

namespace Orchestrator.Grains.Machines;

/// <summary>Told what happens to a session while its end is waited for. What is said may get lost: it is said again as long as it is true.</summary>
public interface ISessionListener
{
    /// <summary>It has shown no sign of life since then (UTC), for longer than is allowed.</summary>
    void Stalled(DateTimeOffset since);

    /// <summary>What its agent says it has used so far.</summary>
    void Used(AgentUsage usage);
}
