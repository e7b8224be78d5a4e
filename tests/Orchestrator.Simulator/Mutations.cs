using Orchestrator.Grains.AgentTasks;
using Orchestrator.Interfaces.AgentTasks;
using Orchestrator.Simulator.Runtime;

namespace Orchestrator.Simulator;

/// <summary>What is wrong on purpose, around the grains and never in them, to see whether it is found.</summary>
internal enum Mutant
{
    None,

    /// <summary>A lost session's agent lives on, and is reported as gone.</summary>
    LeftoversLiveOn,

    /// <summary>Stops do nothing.</summary>
    StopIgnored,

    /// <summary>Whoever gives back a slot gives back another one's, too.</summary>
    ReleasedTwice,

    /// <summary>A write that fails after it was done has lost the callback.</summary>
    DebtDropped,

    /// <summary>A recount does not see one of those who have a slot.</summary>
    HolderForgotten,

    /// <summary>A task's state is not stored, and said to be.</summary>
    StateNotStored,

    /// <summary>Reminders are not stored.</summary>
    ReminderForgotten,

    /// <summary>Callbacks are said to be delivered that were not.</summary>
    AnswerMadeUp,

    /// <summary>A session whose start has failed is not forbidden to start later (so it was until the simulator found it).</summary>
    FailedStartNotForbidden,

    /// <summary>A failed write undoes the end of a run.</summary>
    EndUndone,

    /// <summary>Worktrees that nobody knows of are not found (so it was until the simulator found it).</summary>
    NothingFound,

    /// <summary>The sweep does not ask whose worktrees it takes.</summary>
    SweepsTheLiving,

    /// <summary>Agents that meet their account's limit live on.</summary>
    LimitedLiveOn,
}

/// <summary>Makes one thing wrong.</summary>
internal sealed class Mutations(Mutant mutant, World world)
{
    public Mutant Mutant => mutant;

    /// <summary>Whether a call comes to nothing; and changes its arguments.</summary>
    public bool Swallows(GrainMethod method, string key, ref object?[] arguments)
    {
        if (mutant == Mutant.ReleasedTwice && method.Name == "Release" && arguments[0] is string taskId)
        {
            var other = world.Catalog.Rows.FirstOrDefault(row => row.TaskId != taskId && row.Phase == AgentTaskPhase.Running);
            if (other is not null) arguments = [other.TaskId, int.MaxValue];
        }

        return false;
    }

    /// <summary>Whether a write is not done.</summary>
    public bool Forgets(string name, Fate fate) => mutant == Mutant.StateNotStored && name == "agent-task" && fate == Fate.Done && world.Clock.GetTimestamp() % 3 == 0;

    /// <summary>What is stored instead.</summary>
    public T? Change<T>(T? state, Fate fate)
        where T : class
    {
        if (state is not AgentTaskState { CompletedAt: not null } task || fate != Fate.DoneThenFailed) return state;
        return mutant switch
        {
            Mutant.DebtDropped => (T)(object)(task with { Callbacks = [] }),
            Mutant.EndUndone => (T)(object)(task with { Status = AgentTaskStatus.Failed }),
            _ => state,
        };
    }

    /// <summary>What a recount does not see.</summary>
    public IReadOnlyList<CatalogEntry> Forget(IReadOnlyList<CatalogEntry> rows) =>
        mutant == Mutant.HolderForgotten && rows.FirstOrDefault(row => row.Phase == AgentTaskPhase.Running) is { } forgotten ? [.. rows.Where(row => row != forgotten)] : rows;
}
