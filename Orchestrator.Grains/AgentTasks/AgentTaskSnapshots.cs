using Orchestrator.Interfaces.AgentTasks;
using Orchestrator.Interfaces.Callbacks;
using Orchestrator.Interfaces.Capacity;

namespace Orchestrator.Grains.AgentTasks;

/// <summary>What others see of a task's state.</summary>
internal static class AgentTaskSnapshots
{
    public static AgentTaskSnapshot Of(AgentTaskState task, string requestJson, WaitingPlace? place, IReadOnlyList<CallbackSnapshot> callbacks, DateTimeOffset now) => new()
    {
        RequestJson = requestJson,
        Status = task.Status,
        Phase = task.Phase,
        Repository = task.Facts.Repository,
        Worktree = task.Worktree,
        Terminal = task.Terminal,
        QueuePosition = place?.Position,
        WaitingFor = place?.WaitingFor ?? WaitingForOf(task),
        NewPriority = task.NewPriority,
        WorktreeRemovedAt = task.WorktreeRemovedAt,
        WorktreeProblem = task.WorktreeProblem,
        CreatedAt = task.CreatedAt,
        StartedAt = task.StartedAt,
        CompletedAt = task.CompletedAt,
        DeadlineAt = DeadlineOf(task, now),
        Result = task.Result,
        Error = task.Error,
        Usage = AgentTaskTransitions.UsageOf(task),
        Attempts = task.Attempts,
        Callbacks = [.. task.Callbacks.Select(debt => SnapshotOf(debt, callbacks))],
        Timeline = task.Timeline,
        TraceId = task.Facts.TraceId,
        HeldUntil = task.Phase == AgentTaskPhase.Held ? task.HeldUntil : null,
    };

    public static CatalogEntry EntryOf(AgentTaskState task) => new()
    {
        TaskId = task.Facts.TaskId,
        Status = task.Status,
        Phase = task.Phase,
        Run = task.Run,
        Attempt = task.Attempts.IsEmpty ? 1 : task.Attempt.Number,
        WorkerType = task.Facts.WorkerType,
        Repository = task.Facts.Repository,
        Priority = task.Priority,
        CreatedAt = task.CreatedAt,
        StartedAt = task.StartedAt,
        CompletedAt = task.CompletedAt,
        ErrorCode = task.Error?.Code,
        Branch = task.Worktree?.Branch,
        OwesCallback = task.Callbacks.Any(debt => debt.State == CallbackState.Owed),
    };

    /// <summary>A held task's time does not run: its deadline goes with the clock until it has a slot again.</summary>
    private static DateTimeOffset? DeadlineOf(AgentTaskState task, DateTimeOffset now)
    {
        if (task.PausedSince is not { } since) return task.DeadlineAt;
        var until = task.CompletedAt ?? now;
        return until > since ? task.DeadlineAt + (until - since) : task.DeadlineAt;
    }

    /// <summary>What keeps a task out of the line; null: nothing.</summary>
    public static string? WaitingForOf(AgentTaskState task) => task switch
    {
        { WaitsFor.IsEmpty: false, Phase: AgentTaskPhase.Blocked } => $"{(task.WaitsFor.Length == 1 ? "dependency" : "dependencies")} {string.Join(", ", task.WaitsFor)}",
        { Phase: AgentTaskPhase.Blocked } => $"branch {task.Facts.ContinuationBranch}",
        { Phase: AgentTaskPhase.Held } => "usage limit",
        { Phase: AgentTaskPhase.Waiting } => "slot",
        _ => null,
    };

    /// <summary>The callback grain knows the tries; until it has taken a callback over, there are none.</summary>
    private static CallbackSnapshot SnapshotOf(CallbackDebt debt, IReadOnlyList<CallbackSnapshot> known) =>
        known.FirstOrDefault(callback => callback.Id == debt.Callback.Id) ?? new(debt.Callback.Id, debt.Callback.Kind, debt.State, [], NextTryAt: null);
}
