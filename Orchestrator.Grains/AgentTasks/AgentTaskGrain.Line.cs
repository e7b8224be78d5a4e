using Orchestrator.Interfaces.AgentTasks;

namespace Orchestrator.Grains.AgentTasks;

/// <content>What a task does while it waits, and for those who wait for it.</content>
internal sealed partial class AgentTaskGrain
{
    public async Task<PriorityResult> ReprioritizeAsync(int priority)
    {
        if (!state.RecordExists) return new(PriorityOutcome.NotFound);
        var now = clock.GetUtcNow();
        var (next, hasEnded) = AgentTaskTransitions.Reprioritize(Current(now), priority, now);
        if (hasEnded) return new(PriorityOutcome.AlreadyCompleted);
        await ApplyAsync(next);
        return new(PriorityOutcome.Changed, (await Capacity.FindPlaceAsync(TaskId)).Position);
    }

    public async Task<bool> EndHoldAsync()
    {
        if (!state.RecordExists) return false;
        var now = clock.GetUtcNow();
        var isHeld = state.State.Phase == AgentTaskPhase.Held;
        await ApplyAsync(AgentTaskTransitions.EndHold(Current(now), now));
        return isHeld;
    }

    /// <summary>The notice says only that it is time to look: what has become of the others stands in the catalog.</summary>
    public Task DependencyEnded() => state.RecordExists && !state.State.WaitsFor.IsEmpty ? ActAsync() : Task.CompletedTask;

    private async Task LookAtDependenciesAsync(AgentTaskState task)
    {
        await Capacity.StandAsideAsync(TaskId, task.Run);
        var next = AgentTaskTransitions.DependenciesSeen(task, dependencies.Look(task.WaitsFor), clock.GetUtcNow());
        if (!ReferenceEquals(next, task)) await ApplyAsync(next);
    }

    /// <summary>A notice that is lost costs a dependent a minute: it looks by itself at each of its reminders.</summary>
    private async Task TellDependentsAsync()
    {
        foreach (var dependent in dependencies.FindBlockedBy(TaskId)) await GrainFactory.GetGrain<IAgentTaskGrain>(dependent).DependencyEnded();
        if (!state.State.Facts.DependsOn.IsEmpty) await dependencies.RemoveAsync(TaskId, CancellationToken.None);
    }
}
