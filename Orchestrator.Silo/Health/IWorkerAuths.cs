using Orchestrator.Contracts.AgentTasks;
using Orchestrator.Silo.Agents;

namespace Orchestrator.Silo.Health;

/// <summary>Whether agents can log in. Asked at every <c>/health</c>, so it answers from memory.</summary>
internal interface IWorkerAuths
{
    /// <summary>By agent; <c>claude</c> and <c>codex</c> are always there.</summary>
    IReadOnlyDictionary<string, WorkerAuthView> Get();
}

/// <summary>Says what the agents table knows: an agent whose program is there counts as logged in.</summary>
internal sealed class InstalledWorkerAuths(IAgentTable agents) : IWorkerAuths
{
    private static readonly string[] Claude = ["auto", "opus", "sonnet", "glm"];
    private static readonly string[] Codex = ["codex", "codex-xhigh"];

    public IReadOnlyDictionary<string, WorkerAuthView> Get()
    {
        var known = agents.WorkerTypes;
        return new Dictionary<string, WorkerAuthView>(StringComparer.Ordinal) { ["claude"] = ToView(Claude, known), ["codex"] = ToView(Codex, known) };
    }

    private static WorkerAuthView ToView(string[] workerTypes, IReadOnlyList<string> known) =>
        new(workerTypes.Any(known.Contains) ? "active" : "not_configured", AuthMode: null, RefreshSupported: false);
}
