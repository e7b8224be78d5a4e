using Orchestrator.Contracts.AgentTasks;
using Orchestrator.Interfaces.Machines;
using Orchestrator.Silo.Configuration;

namespace Orchestrator.Silo.Agents;

/// <summary>
/// Builds an agent's environment up from nothing. Later ones win: the usual names and those of <c>AGENT_ENV</c> from the service's environment, what the agent's row
/// says, the task's own, what the worker type says, the task's facts.
/// </summary>
internal static class AgentEnvironment
{
    private static readonly string[] Usual = ["PATH", "HOME", "USER", "SHELL", "LANG", "TERM", "TMPDIR"];

    /// <summary>What the service signs and logs in with: no agent gets it, not even by <c>AGENT_ENV</c>.</summary>
    private static readonly HashSet<string> Secrets = new(StringComparer.OrdinalIgnoreCase) { "DISPATCH_SECRET", "INTERNAL_AUTH_TOKEN", "GH_PRIVATE_KEY" };

    /// <summary>What decides which programs run and where they keep their things: no task may say.</summary>
    private static readonly HashSet<string> Reserved = new(["PATH", "HOME", "USER", "SHELL", "TMPDIR", "IS_SANDBOX"], StringComparer.Ordinal);

    /// <summary>The environment of one attempt, without <c>TASK_CONTEXT</c>.</summary>
    public static IReadOnlyDictionary<string, string> Build(
        AgentRow row, WorkerTypeRow workerType, SessionRequest session, TaskRequest request, MachineOptions options, ServiceEnvironment service)
    {
        var result = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (name, value) in service.Variables)
        {
            if (IsInherited(name, row, options) && MayBeHandedOn(name) && !workerType.Withheld.Contains(name)) result[name] = value;
        }

        Add(result, row.Environment);
        foreach (var (name, value) in request.Environment ?? new Dictionary<string, string>())
        {
            if (IsAllowedToTask(name, options) && !workerType.Withheld.Contains(name)) result[name] = value;
        }

        Add(result, workerType.Environment);
        foreach (var (name, source) in workerType.EnvironmentFrom)
        {
            if (service[source] is { } value) result[name] = value;
        }

        AddFacts(result, session);
        return result;
    }

    /// <summary>Whether a task's <c>environment</c> may have this name.</summary>
    public static bool IsAllowedToTask(string name, MachineOptions options) => options.TaskEnvironmentAllowed.Contains(name) && MayBeAllowedToTask(name);

    /// <summary>Whether <c>TASK_ENV_ALLOW</c> may have this name.</summary>
    public static bool MayBeAllowedToTask(string name) => !Reserved.Contains(name) && MayBeHandedOn(name);

    /// <summary>Whether <c>AGENT_ENV</c> may have this name: no secret of the service, and nothing that the service says itself.</summary>
    public static bool MayBeHandedOn(string name) =>
        !Secrets.Contains(name) && !name.StartsWith("TASK_", StringComparison.Ordinal) && !name.StartsWith("ORCHESTRATOR_", StringComparison.Ordinal);

    private static bool IsInherited(string name, AgentRow row, MachineOptions options) =>
        Usual.Contains(name) || name.StartsWith("LC_", StringComparison.Ordinal) || options.AgentEnvironment.Contains(name) || row.Inherited.Contains(name);

    private static void AddFacts(Dictionary<string, string> result, SessionRequest session)
    {
        result["TASK_ID"] = session.Session.TaskId;
        result["TASK_ATTEMPT"] = session.Session.Attempt.ToString();
        result["TASK_BRANCH"] = session.Worktree.Branch;
        result["TASK_BASE_BRANCH"] = session.Worktree.BaseBranch;
        result["TASK_REPOSITORY"] = session.Worktree.Repository;
        result["ORCHESTRATOR_TASK"] = "1";
    }

    private static void Add(Dictionary<string, string> result, IReadOnlyDictionary<string, string> more)
    {
        foreach (var (name, value) in more) result[name] = value;
    }
}
