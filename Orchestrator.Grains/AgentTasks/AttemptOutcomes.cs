namespace Orchestrator.Grains.AgentTasks;

/// <summary>How attempts end, beside the codes of <see cref="TaskErrors"/>. Stored and shown; never reused.</summary>
internal static class AttemptOutcomes
{
    public const string Succeeded = "succeeded";

    /// <summary>The machine lost the session.</summary>
    public const string Lost = "lost";

    /// <summary>By us, or by whoever told the session host.</summary>
    public const string Stopped = "stopped";

    /// <summary>It showed no sign of life and was stopped by us.</summary>
    public const string Stalled = "stalled";

    /// <summary>The account's usage limit was reached.</summary>
    public const string UsageLimit = "usage_limit";

    /// <summary>How many attempts of the current run ended so.</summary>
    public static int CountOf(this AgentTaskState state, params ReadOnlySpan<string> outcomes)
    {
        var count = 0;
        foreach (var attempt in state.Attempts)
        {
            if (attempt.Run == state.Run && attempt.Outcome is { } outcome && outcomes.Contains(outcome)) count++;
        }

        return count;
    }

    /// <summary>How many attempts of the current run ended by what is neither the agent's nor the task's fault. Stalls, holds and questions have limits of their own.</summary>
    public static int InfraFailuresOf(AgentTaskState state) => state.CountOf(TaskErrors.InfraFailure, Lost, Stopped);
}
