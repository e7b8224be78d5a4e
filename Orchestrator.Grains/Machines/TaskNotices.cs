using Orchestrator.Interfaces.AgentTasks;
using Orchestrator.Interfaces.Machines;

namespace Orchestrator.Grains.Machines;

/// <summary>Hands on to a task what happens to its session. Nobody waits: a notice that is lost is repeated by whoever watches.</summary>
internal sealed class TaskNotices(IAgentTaskGrain task, SessionName session) : ISessionListener
{
    public void Stalled(DateTimeOffset since) => _ = task.SessionStalled(session, since);

    public void Used(AgentUsage usage) => _ = task.SessionUsed(session, usage);
}
