using Orchestrator.Contracts.Sessions;

namespace Orchestrator.Silo.Agents;

/// <summary>How an agent's output is read.</summary>
internal enum AgentOutput
{
    /// <summary>As text: its exit code tells how it went, its last lines are its summary.</summary>
    Text = 1,

    /// <summary>As Claude Code's <c>stream-json</c>: a <c>result</c> event tells how it went.</summary>
    StreamJson = 2,
}

/// <summary>One agent program: a row of the agents table. Rows are data, so that configuration can add some.</summary>
internal sealed record AgentRow
{
    /// <summary>The agent's name, such as <c>claude</c>; unique in the table.</summary>
    public required string Name { get; init; }

    /// <summary>A path, or a name to be found in PATH.</summary>
    public required string Program { get; init; }

    /// <summary>
    /// Groups of arguments. <c>{sessionId}</c>, <c>{resumeId}</c>, <c>{model}</c>, <c>{maxTurns}</c> and <c>{maxBudgetUsd}</c> stand for their values; a group is
    /// left out when one of its values is not there.
    /// </summary>
    public IReadOnlyList<IReadOnlyList<string>> Arguments { get; init; } = [];

    /// <summary>How it takes its prompt.</summary>
    public required SessionInput Input { get; init; }

    /// <summary>How its output is read.</summary>
    public required AgentOutput Output { get; init; }

    /// <summary>How it says that its account's usage limit is reached.</summary>
    public UsageLimitRule UsageLimits { get; init; } = UsageLimitRule.None;

    /// <summary>Whether its conversation can be resumed by the session id.</summary>
    public bool CanResume { get; init; }

    /// <summary>What it always gets; a task's own environment may say otherwise.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>Names that it gets from the service's environment when they are set there, beside those that all agents get.</summary>
    public IReadOnlyList<string> Inherited { get; init; } = [];

    /// <summary>The worker types that it serves; their names are unique in the table.</summary>
    public required IReadOnlyList<WorkerTypeRow> WorkerTypes { get; init; }
}

/// <summary>One worker type of an agent.</summary>
internal sealed record WorkerTypeRow
{
    /// <summary>What a request calls it.</summary>
    public required string Name { get; init; }

    /// <summary>The model it asks for; null: the agent's default.</summary>
    public string? Model { get; init; }

    /// <summary>Whose usage limit it spends from, where others of its agent spend from another one; null: the agent's name.</summary>
    public string? Account { get; init; }

    /// <summary>Set whatever the task says.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>Set whatever the task says: name → the name in the service's environment that has the value. Without that value the worker type is not available.</summary>
    public IReadOnlyDictionary<string, string> EnvironmentFrom { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>Names that it must not get, such as the key of another provider.</summary>
    public IReadOnlyList<string> Withheld { get; init; } = [];
}
