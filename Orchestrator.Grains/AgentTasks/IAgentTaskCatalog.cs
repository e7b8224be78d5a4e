using Orchestrator.Interfaces.AgentTasks;

namespace Orchestrator.Grains.AgentTasks;

/// <summary>
/// One row for each task, beside the grains' states: what lists, starts of the service and the waiting line are made from. The grain's state is the truth; a row
/// may be one step behind it and is repaired by its grain.
/// </summary>
public interface IAgentTaskCatalog
{
    /// <summary>Adds a row. A row of the same id is left as it is; one whose id differs in case only is a conflict.</summary>
    Task<CatalogAddOutcome> AddAsync(CatalogEntry entry, CancellationToken cancellationToken);

    /// <summary>Writes the row, whether it is there or not.</summary>
    Task UpdateAsync(CatalogEntry entry, CancellationToken cancellationToken);

    /// <summary>Removes a row whose task was never stored.</summary>
    Task RemoveAsync(string taskId, CancellationToken cancellationToken);

    /// <summary>Rows of tasks that have not ended or still owe a callback, oldest first.</summary>
    IReadOnlyList<CatalogEntry> ReadOpen();

    /// <summary>The row of one task; null when there is none.</summary>
    CatalogEntry? Find(string taskId);

    /// <summary>One page, newest first.</summary>
    CatalogPage ReadPage(CatalogQuery query);

    /// <summary>How many rows owe a callback.</summary>
    int CountOwing();
}

/// <summary>What became of <see cref="IAgentTaskCatalog.AddAsync"/>.</summary>
public enum CatalogAddOutcome
{
    /// <summary>The row is there now.</summary>
    Added = 1,

    /// <summary>A row of this id was there before.</summary>
    Exists = 2,

    /// <summary>A row whose id differs in case only is there: on some machines they would share a folder.</summary>
    CaseConflict = 3,
}

/// <summary>One row. Times are UTC.</summary>
public sealed record CatalogEntry
{
    /// <summary>The task.</summary>
    public required string TaskId { get; init; }

    /// <summary>Where it stands.</summary>
    public required AgentTaskStatus Status { get; init; }

    /// <summary>Where it stands, finer.</summary>
    public required AgentTaskPhase Phase { get; init; }

    /// <summary>The run, from 1.</summary>
    public required int Run { get; init; }

    /// <summary>The attempt, from 1.</summary>
    public required int Attempt { get; init; }

    /// <summary>The agents table's row.</summary>
    public required string WorkerType { get; init; }

    /// <summary><c>owner/name</c>.</summary>
    public required string Repository { get; init; }

    /// <summary>-100 to 100.</summary>
    public required int Priority { get; init; }

    /// <summary>When it was accepted.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>When its agent first started; null: not yet.</summary>
    public DateTimeOffset? StartedAt { get; init; }

    /// <summary>When its run ended; null: not yet.</summary>
    public DateTimeOffset? CompletedAt { get; init; }

    /// <summary>Its error's code; null: none.</summary>
    public string? ErrorCode { get; init; }

    /// <summary>The branch; null before there is one.</summary>
    public string? Branch { get; init; }

    /// <summary>Whether a callback is owed.</summary>
    public bool OwesCallback { get; init; }
}

/// <summary>Which rows. Null means any.</summary>
/// <param name="Status">Of this status.</param>
/// <param name="Repository">Of this repository.</param>
/// <param name="Limit">1 to 200.</param>
/// <param name="After">The cursor of the page before; null: from the newest.</param>
public sealed record CatalogQuery(AgentTaskStatus? Status, string? Repository, int Limit, string? After);

/// <summary>One page.</summary>
/// <param name="Entries">Newest first.</param>
/// <param name="NextCursor">For the next page; null: this is the last one.</param>
public sealed record CatalogPage(IReadOnlyList<CatalogEntry> Entries, string? NextCursor);
