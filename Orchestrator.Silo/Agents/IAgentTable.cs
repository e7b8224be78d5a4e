using Orchestrator.Contracts.AgentTasks;
using Orchestrator.Contracts.Sessions;
using Orchestrator.Interfaces.Machines;
using Orchestrator.Silo.Agents.Output;

namespace Orchestrator.Silo.Agents;

/// <summary>The agent programs that this machine can run: data, not branches in code.</summary>
internal interface IAgentTable
{
    /// <summary>Worker types that are built and whose program is there, sorted.</summary>
    IReadOnlyList<string> WorkerTypes { get; }

    /// <summary>What to run for an attempt.</summary>
    /// <exception cref="AgentNotAvailableException">The worker type is unknown, or its program is not there (any more).</exception>
    AgentLaunch CreateLaunch(SessionRequest session, TaskRequest request);

    /// <summary>Reads what the agent of an ended session said, and which result members it reported in its last words or in <c>.orchestrator/result.json</c>.</summary>
    /// <param name="workerType">Its row.</param>
    /// <param name="sessionFolder">With <see cref="SessionFiles.Events"/>.</param>
    /// <param name="worktreePath">Null when there is none.</param>
    AgentReport ReadReport(string workerType, string sessionFolder, string? worktreePath);

    /// <summary>Reads what the agent of a running session says it has used; null for one that says nothing before its end.</summary>
    IUsageWatch? WatchUsage(string workerType, string sessionFolder) => null;
}

/// <summary>What to run.</summary>
/// <param name="Agent">The agent's name, such as <c>claude</c>.</param>
/// <param name="Arguments">Program and arguments.</param>
/// <param name="Environment">The agent's whole environment, without what only the session folder knows (<c>TASK_CONTEXT</c>).</param>
/// <param name="Input">How it takes its prompt.</param>
/// <param name="CanResume">Whether its conversation can be resumed by the session id.</param>
internal sealed record AgentLaunch(
    string Agent, IReadOnlyList<string> Arguments, IReadOnlyDictionary<string, string> Environment, SessionInput Input, bool CanResume);

/// <summary>A worker type that cannot be run here. The message says what to do.</summary>
internal sealed class AgentNotAvailableException(string message) : Exception(message);
