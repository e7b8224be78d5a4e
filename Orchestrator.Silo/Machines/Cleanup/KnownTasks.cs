using Orchestrator.Grains.AgentTasks;
using Orchestrator.Interfaces.AgentTasks;
using Orchestrator.Silo.AgentTasks;
using Orleans;

namespace Orchestrator.Silo.Machines.Cleanup;

/// <summary>Says whether a name on the disk is that of a task of ours, and which worktrees of ended tasks there are.</summary>
internal sealed class KnownTasks(IAgentTaskCatalog catalog, IGrainFactory grains)
{
    /// <summary>The task's row; null when there is none. A row comes before anything on the disk: who looks at the disk first and here then finds it.</summary>
    public CatalogEntry? Find(string name) => TaskRequestRules.IsTaskId(name) ? catalog.Find(name) : null;

    /// <summary>Whether there is a task of that name. Asked twice, as what follows from a "no" is serious: the row, then the grain.</summary>
    public async Task<bool> IsKnownAsync(string name) => TaskRequestRules.IsTaskId(name) && (catalog.Find(name) is not null || await grains.GetGrain<IAgentTaskGrain>(name).GetAsync() is not null);

    /// <summary>Whether the task has ended and owes nothing, as far as its row tells, which may be one step behind; so that "yes" is certain, apart from a new run.</summary>
    public static bool IsOver(CatalogEntry entry) => entry is { Phase: AgentTaskPhase.Ended, OwesCallback: false, CompletedAt: not null };

    /// <summary>Tasks that have not ended.</summary>
    public IEnumerable<string> Open() => catalog.ReadOpen().Select(entry => entry.TaskId);

    /// <summary>A task that has not ended, of one of these repositories; of any when none is named. Null: there is none.</summary>
    public string? FindOpenIn(IReadOnlyCollection<string> repositories) =>
        catalog.ReadOpen().FirstOrDefault(entry => repositories.Count == 0 || repositories.Contains(entry.Repository, StringComparer.OrdinalIgnoreCase))?.TaskId;
}
