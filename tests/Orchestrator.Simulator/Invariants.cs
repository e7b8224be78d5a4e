using Orchestrator.Grains.AgentTasks;
using Orchestrator.Grains.Capacity;
using Orchestrator.Interfaces.AgentTasks;
using Orchestrator.Interfaces.Callbacks;
using Orchestrator.Simulator.Machines;

namespace Orchestrator.Simulator;

/// <summary>The promises of docs (I1 to I10), as far as they are visible here, checked at everything that could break them.</summary>
internal sealed partial class Invariants(World world)
{
    private readonly Dictionary<string, string> _bodies = new(StringComparer.Ordinal);

    /// <summary>A record has changed.</summary>
    public void Stored(string name, string key, object? before, object? after)
    {
        if (name == "agent-task") TaskStored(key, (AgentTaskState?)before, (AgentTaskState?)after);
        else if (name == "capacity") LeasesStored((CapacityState?)before ?? new(), (CapacityState?)after ?? new());
    }

    /// <summary>A process of an agent lives: the only place where one begins.</summary>
    public void SessionStarted(SimulatedSession session)
    {
        var others = world.Machine.Sessions.Where(other => other != session && other.IsAlive && other.Name.TaskId == session.Name.TaskId).ToList();
        if (others.Count > 0) world.Violate("I3", $"{session.Name} starts while {others[0]} lives");
        if (world.Machine.AliveCount > world.Scenario.Slots) world.Violate("I4", $"{world.Machine.AliveCount} agents live on {world.Scenario.Slots} slots");
        if (world.StateOf(session.Name.TaskId) is not { } state) world.Violate("I1", $"{session.Name} starts, and its task is not stored");
        else if (state.Phase == AgentTaskPhase.Ended) world.Violate("I5", $"{session.Name} starts, and its task has ended");
        else if (IsSpent(state, session.Name)) world.Violate("I9", $"{session.Name} starts, and its budget is spent");
    }

    /// <summary>The receiver got a callback.</summary>
    public void CallbackTaken(string taskId, OwedCallback callback)
    {
        if (!_bodies.TryGetValue(callback.Id, out var body)) world.Violate("I6", $"{callback.Id} is sent, and no end that owes it was ever stored");
        else if (body != callback.Body) world.Violate("I6", $"{callback.Id} is sent with another text than it was owed with");
        var order = world.Receiver.Accepted.Where(taken => taken.TaskId == taskId).Select(taken => taken.Callback.Id).Distinct(StringComparer.Ordinal).ToList();
        if (!order.SequenceEqual(order.Order(StringComparer.Ordinal))) world.Violate("I6", $"callbacks of {taskId} came in this order: {string.Join(", ", order)}");
    }

    /// <summary>Nothing is under way any more.</summary>
    public void Quiet(bool isStartedAgain = false)
    {
        foreach (var task in world.Scenario.Tasks)
        {
            var (state, row) = (world.StateOf(task.TaskId), world.Catalog.Find(task.TaskId));
            if (state is null)
            {
                // One that waits for others, or for its account, takes no slot; the next start drops it.
                var hasSlot = world.Storage.Read<CapacityState>("capacity", "default")?.Leases.Any(lease => lease.TaskId == task.TaskId) ?? false;
                if (row is not null && (isStartedAgain || hasSlot)) world.Violate("I5", $"{task.TaskId} has a row and no state");
                continue;
            }

            TaskQuiet(state, task.TaskId);
            if (row != AgentTaskSnapshots.EntryOf(state)) world.Violate("I5", $"the row of {task.TaskId} is not as its state: {row?.Phase} {row?.Status}");
        }

        if (world.Machine.Sessions.FirstOrDefault(session => session.IsAlive) is { } alive) world.Violate("I5", $"{alive} is left");
        foreach (var (taskId, tree) in world.Machine.Trees) TreeQuiet(taskId, tree, isSwept: isStartedAgain);
        // One whose registration is said to have failed ticks again after the next start only.
        if (isStartedAgain && world.ReminderTable.Count > 0) world.Violate("I5", $"reminders are left: {string.Join(", ", world.ReminderTable.Keys)}");
        if (world.Storage.Read<CapacityState>("capacity", "default") is { Leases.IsEmpty: false } pool) world.Violate("I5", $"leases are left: {string.Join(", ", pool.Leases)}");
    }

    /// <summary>The task has ended, and the time for that is over.</summary>
    public void Overdue(TimeSpan since)
    {
        foreach (var task in world.Scenario.Tasks)
        {
            if (world.StateOf(task.TaskId) is { Phase: not AgentTaskPhase.Ended } state) world.Violate("I8", $"{task.TaskId} is {state.Phase} for {since} without any trouble");
        }
    }

    private static bool IsEnd(AgentTaskStatus status) => status is not (AgentTaskStatus.Queued or AgentTaskStatus.Running);

    private static bool HoldsSlot(AgentTaskPhase phase) =>
        phase is AgentTaskPhase.Preparing or AgentTaskPhase.Running or AgentTaskPhase.Stopping or AgentTaskPhase.Collecting;

    private void TaskStored(string taskId, AgentTaskState? before, AgentTaskState? after)
    {
        if (after is null)
        {
            world.Violate("I1", $"the state of {taskId} is gone");
            return;
        }

        if (before is null) world.Clients.FirstStored(taskId);
        else if (before.Facts.RequestSha256 != after.Facts.RequestSha256 || before.CreatedAt != after.CreatedAt) world.Violate("I2", $"{taskId} is another task than it was");
        LifeStored(taskId, before, after);
        if (before is not null && IsEnd(before.Status) && before.Run == after.Run) EndKept(taskId, before, after);
        if (IsEnd(after.Status)) DebtStored(taskId, after);
        if (after.Phase != AgentTaskPhase.Ended) return;
        if (!IsEnd(after.Status)) world.Violate("I7", $"{taskId} has ended as {after.Status}");
        if (world.Machine.AliveOf(taskId) is { } alive) world.Violate("I5", $"{taskId} has ended, and {alive} lives");
    }

    private static string Describe(AgentTaskState state) =>
        $"{state.Result?.Branch} {state.Result?.Commits} {state.Result?.Summary} {state.Result?.PartialWork} {state.Result?.CostUsd} {state.Result?.ReportedJson} {state.Error?.Code} {state.Error?.Message}";

    private void EndKept(string taskId, AgentTaskState before, AgentTaskState after)
    {
        if (before.Status != after.Status || Describe(before) != Describe(after) || before.CompletedAt != after.CompletedAt)
            world.Violate("I7", $"{taskId} had ended as {before.Status}, and now as {after.Status}");
        if (before.Phase == AgentTaskPhase.Ended && after.Phase != AgentTaskPhase.Ended) world.Violate("I7", $"{taskId} had ended, and is {after.Phase}");
    }

    private void DebtStored(string taskId, AgentTaskState after)
    {
        var id = $"{taskId}-r{after.Run}-completed";
        if (after.Callbacks.Length != after.Run || after.Callbacks[^1].Callback.Id != id)
        {
            world.Violate("I6", $"{taskId} has ended in run {after.Run}, and owes {after.Callbacks.Length} callbacks");
            return;
        }

        var debt = after.Callbacks[^1];
        if (debt.State != CallbackState.Owed)
        {
            if (debt.State == CallbackState.Delivered && world.Receiver.Accepted.TrueForAll(taken => taken.Callback.Id != id)) world.Violate("I6", $"{id} counts as delivered, and nobody got it");
            return;
        }

        if (_bodies.TryGetValue(id, out var body) ? body != debt.Callback.Body : !_bodies.TryAdd(id, debt.Callback.Body)) world.Violate("I6", $"the text of {id} has changed");
        if (!debt.Callback.Body.Contains($"\"status\":\"{WireNames.Of(after.Status)}\"", StringComparison.Ordinal)) world.Violate("I6", $"{id} says something else than {after.Status}");
    }

    /// <summary>One lease for a task. More than there are slots only when those who have none of the former ones do hold a slot by their own state: agents that live are counted, not killed.</summary>
    private void LeasesStored(CapacityState before, CapacityState after)
    {
        if (after.Leases.Select(lease => lease.TaskId).Distinct(StringComparer.Ordinal).Count() != after.Leases.Length) world.Violate("I4", $"a task has two leases: {string.Join(", ", after.Leases)}");
        if (after.Leases.Length <= world.Scenario.Slots) return;
        foreach (var lease in after.Leases)
        {
            if (before.Leases.Any(known => known.TaskId == lease.TaskId) || (world.StateOf(lease.TaskId) is { } state && HoldsSlot(state.Phase))) continue;
            world.Violate("I4", $"{lease} is granted though {after.Leases.Length - 1} of {world.Scenario.Slots} slots are taken");
        }
    }

    private void TaskQuiet(AgentTaskState state, string taskId)
    {
        if (state.WorktreeReleasedFor is not null) world.Violate("I5", $"the worktree of {taskId} is released, and nobody removes it");
        if (state.Phase != AgentTaskPhase.Ended) world.Violate("I8", $"{taskId} is {state.Phase}, and nothing will ever change that");
        if (!state.IsWoundUp) world.Violate("I5", $"{taskId} has not given back its slot");
        foreach (var debt in state.Callbacks)
        {
            if (debt.State == CallbackState.Owed) world.Violate("I6", $"{debt.Callback.Id} is owed, and nobody tries");
        }
    }

    private void TreeQuiet(string taskId, SimulatedTree tree, bool isSwept)
    {
        if (isSwept && tree.IsThere && world.StateOf(taskId) is { WorktreeProblem: null }) world.Violate("I5", $"the worktree of {taskId} was swept, and is still there");
        if (!tree.IsThere || world.StateOf(taskId) is not { } state || state.Timeline.Any(entry => entry.Event == "worktree_left")) return;
        if (state.Facts.ContinuationBranch is not null && tree.HeldBranch is not null) world.Violate("I5", $"{taskId} has ended, and its worktree still has {tree.HeldBranch}");
        if (world.Scenario.WorktreeKeep == WorktreeKeep.Never) world.Violate("I5", $"{taskId} has ended, and its worktree was to be removed");
    }
}
