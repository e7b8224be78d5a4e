namespace Orchestrator.Grains.AgentTasks;

/// <summary>Limits and policies of a task's life.</summary>
public sealed class AgentTaskOptions
{
    /// <summary>Time limit of a task that names none, from its first slot on. Default: 5 hours (<c>TASK_TIMEOUT_HOURS</c>).</summary>
    public TimeSpan Timeout { get; set; } = TimeSpan.FromHours(5);

    /// <summary>How long a task may wait for a slot. Default: 24 hours (<c>QUEUE_TTL_HOURS</c>).</summary>
    public TimeSpan QueueTtl { get; set; } = TimeSpan.FromHours(24);

    /// <summary>Whether an agent whose session was lost is started again inside the run. Default: true (<c>RESUME_AFTER_LOSS</c>).</summary>
    public bool ResumeAfterLoss { get; set; } = true;

    /// <summary>What all attempts of a run together may cost, US dollars, when the task says nothing; null: no limit (<c>BUDGET_MAX_COST_USD</c>).</summary>
    public double? CostUsdMax { get; set; }

    /// <summary>Turns that all attempts of a run together may take, when the task says nothing; null: no limit (<c>BUDGET_MAX_TURNS</c>).</summary>
    public int? TurnsMax { get; set; }

    /// <summary>The repository of a task that names none; null: such a task is refused (<c>DEFAULT_REPOSITORY</c>).</summary>
    public string? DefaultRepository { get; set; }

    /// <summary>When worktrees of ended tasks are kept. Default: always (<c>WORKTREE_KEEP</c>).</summary>
    public WorktreeKeep WorktreeKeep { get; set; } = WorktreeKeep.Always;
}

/// <summary>When the worktree of an ended task is kept.</summary>
public enum WorktreeKeep
{
    /// <summary>Always.</summary>
    Always = 1,

    /// <summary>Unless the task completed.</summary>
    Failed = 2,

    /// <summary>Never: what is not committed is saved to a salvage ref.</summary>
    Never = 3,
}
