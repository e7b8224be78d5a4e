namespace Orchestrator.Grains.AgentTasks;

/// <summary>What we say to an agent whose conversation goes on.</summary>
internal static class FollowUps
{
    /// <summary>After an attempt that was cut short.</summary>
    public const string GoOn =
        "Your last session was cut short by the machine, not by you. Look at the state of the worktree, then go on with the task where you left off and finish it.";

    /// <summary>After an attempt that showed no sign of life.</summary>
    public const string Stalled =
        "Your last session showed no sign of life for a long time (no output, no work of its processes) and was ended by the machine. Look at the state of the worktree, then go on with the "
        + "task where you left off and finish it. If a command waited for something that never came, do not run it in the same way again: give it a time limit, or run it in the background and look at its output.";

    /// <summary>After a time in which the account could not be used.</summary>
    public const string LimitIsOver =
        "Your last session ended because the usage limit of your account was reached. It may be used again now. Look at the state of the worktree, then go on with the task where you left off and finish it.";

    /// <summary>After an attempt whose result lacks members.</summary>
    public static string AskFor(string? agentType, IReadOnlyList<string> missing) =>
        $"The result of your work (agentType {agentType}) is not complete. These members are missing: {string.Join("; ", missing)}. "
        + "If something has still to be done for them, do it. Then end your last message with one fenced json block that holds a JSON object with all of them.";
}
