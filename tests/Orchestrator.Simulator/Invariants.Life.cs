using Orchestrator.Grains.AgentTasks;
using Orchestrator.Grains.Capacity;
using Orchestrator.Interfaces.AgentTasks;
using Orchestrator.Interfaces.Machines;

namespace Orchestrator.Simulator;

/// <content>What is promised of stalls, holds, budgets, retries and worktrees.</content>
internal sealed partial class Invariants
{
    /// <summary>Time enough for every notice, reminder and retry.</summary>
    private static readonly TimeSpan Soon = TimeSpan.FromMinutes(15);

    private readonly Dictionary<(string TaskId, string Other), TimeSpan> _blockedAfter = [];

    /// <summary>A worktree is removed, or put aside.</summary>
    public void TreeGoes(string taskId)
    {
        if (world.Machine.AliveOf(taskId) is { } alive) world.Violate("I10", $"the worktree of {taskId} is removed while {alive} lives");
        if (world.StateOf(taskId) is not { Phase: AgentTaskPhase.Ended } state) world.Violate("I10", $"the worktree of {taskId} is removed, and its task has not ended");
        else if (state.Callbacks.Any(debt => debt.State == Interfaces.Callbacks.CallbackState.Owed) && world.Scenario.WorktreeKeep == WorktreeKeep.Always) world.Violate("I10", $"the worktree of {taskId} is removed before anybody heard of its end");
    }

    /// <summary>A task wants a branch that another one's worktree has. Who has ended gives it away soon.</summary>
    public void Blocked(string taskId, string other)
    {
        if (world.CalmSince is null || world.StateOf(other) is not { Phase: AgentTaskPhase.Ended }) return;
        if (!_blockedAfter.TryGetValue((taskId, other), out var since)) _blockedAfter.Add((taskId, other), world.Clock.Elapsed);
        else if (world.Clock.Elapsed - since > Soon) world.Violate("I8", $"{taskId} waits for the branch of {other}, which has ended, for {world.Clock.Elapsed - since}");
    }

    /// <summary>Without trouble, a task that is held gives back its slot at once, and comes back when its time is over.</summary>
    public void HeldInCalm(IEnumerable<string> held)
    {
        if (world.Clock.Elapsed - world.CalmSince < Soon) return;
        foreach (var taskId in held)
        {
            if (world.StateOf(taskId) is not { Phase: AgentTaskPhase.Held } state) continue;
            if (world.Clock.GetUtcNow() - state.HeldUntil > Soon) world.Violate("I8", $"{taskId} is held, and was to come back at {state.HeldUntil}");
            if (world.Clock.GetUtcNow() - state.Attempts[^2].EndedAt < Soon) continue;
            if (world.Storage.Read<CapacityState>("capacity", "default")?.Leases.Any(lease => lease.TaskId == taskId) ?? false) world.Violate("I4", $"{taskId} is held, and has a slot");
        }
    }

    /// <summary>Whether what earlier attempts are known to have used leaves nothing for this one. By the machine's own truth, as far as the task heard of it.</summary>
    private bool IsSpent(AgentTaskState state, SessionName session)
    {
        var (cost, turns) = (0d, 0);
        foreach (var other in world.Machine.Sessions)
        {
            if (other.Name.TaskId != session.TaskId || other.Name.Attempt >= session.Attempt || other.Exit?.Report?.Usage is not { } usage) continue;
            if (state.Attempts.Any(attempt => attempt.Number == other.Name.Attempt && attempt.Outcome == AttemptOutcomes.Lost)) continue;
            (cost, turns) = (cost + (usage.CostUsd ?? 0), turns + usage.Turns);
        }

        return cost >= state.Facts.CostUsdMax || turns >= state.Facts.TurnsMax;
    }

    private void LifeStored(string taskId, AgentTaskState? before, AgentTaskState after)
    {
        if (after.Phase == AgentTaskPhase.Held && world.Machine.AliveOf(taskId) is { } alive) world.Violate("I3", $"{taskId} is held, and {alive} lives");
        if (before is null || before.Attempts.Length == after.Attempts.Length) EndStored(taskId, before, after);
        else if (after.Attempts.Length > 1 && after.Attempts.Length > before.Attempts.Length) AttemptStored(taskId, after);
    }

    /// <summary>Another attempt is planned: each reason for one has its own limit, and no reason eats another one's.</summary>
    private void AttemptStored(string taskId, AgentTaskState after)
    {
        if (after.CountOf(AttemptOutcomes.Stalled) > 3) world.Violate("I9", $"{taskId} is started again after {after.CountOf(AttemptOutcomes.Stalled)} stalls");
        if (FailuresOf(after) >= 3) world.Violate("I9", $"{taskId} is started again after {FailuresOf(after)} failures");
    }

    private void EndStored(string taskId, AgentTaskState? before, AgentTaskState after)
    {
        if (!IsEnd(after.Status) || before is null || IsEnd(before.Status)) return;
        var isGivenUp = after.Error?.Code == TaskErrors.InfraFailure && !after.Error.Message.StartsWith("The work could not be collected", StringComparison.Ordinal);
        if (isGivenUp && FailuresOf(after) < 3) world.Violate("I9", $"{taskId} is given up after {FailuresOf(after)} failures");
        foreach (var attempt in after.Attempts)
        {
            if (attempt.Outcome is null or AttemptOutcomes.Lost || world.Machine.Find(new(taskId, attempt.Run, attempt.Number))?.Exit?.Report is not { } report) continue;
            if (attempt.Usage.CostUsd != report.Usage.CostUsd || attempt.Usage.Turns != report.Usage.Turns) world.Violate("I9", $"{taskId}: what attempt {attempt.Number} has used is not counted");
        }
    }

    private static int FailuresOf(AgentTaskState state) => state.CountOf(TaskErrors.InfraFailure, AttemptOutcomes.Lost, AttemptOutcomes.Stopped);
}
