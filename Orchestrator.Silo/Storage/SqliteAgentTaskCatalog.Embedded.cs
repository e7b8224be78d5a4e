using Orchestrator.EmbeddedSilo.Storage;
using Orchestrator.Grains.AgentTasks;
using Orchestrator.Interfaces.AgentTasks;
using Orchestrator.Silo.AgentTasks;

namespace Orchestrator.Silo.Storage;

/// <summary>The catalog in the silo's database. Reads see what is committed, and never wait for the writer.</summary>
internal sealed class SqliteAgentTaskCatalog(SqliteDatabase database) : IAgentTaskCatalog
{
    private const string Columns =
        "task_id, status, phase, run, attempt, worker_type, repository, priority, created_at, started_at, completed_at, error_code, branch, owes_callback";

    private const string InsertSql = $"INSERT INTO agent_task (task_key, {Columns}) VALUES (lower(?1), ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";

    private const string UpsertSql = InsertSql
        + " ON CONFLICT (task_id) DO UPDATE SET status=?2, phase=?3, run=?4, attempt=?5, worker_type=?6, repository=?7, priority=?8, created_at=?9, started_at=?10,"
        + " completed_at=?11, error_code=?12, branch=?13, owes_callback=?14";

    /// <summary>Times are ticks of 100 ns, UTC. Phase 8 is the end: whatever is not there, or owes something, is open.</summary>
    public static readonly SqliteSchema Schema = new("agent_tasks",
    [
        """
        CREATE TABLE agent_task (
            task_id TEXT NOT NULL PRIMARY KEY,
            task_key TEXT NOT NULL UNIQUE,
            status INTEGER NOT NULL,
            phase INTEGER NOT NULL,
            run INTEGER NOT NULL,
            attempt INTEGER NOT NULL,
            worker_type TEXT NOT NULL,
            repository TEXT NOT NULL,
            priority INTEGER NOT NULL,
            created_at INTEGER NOT NULL,
            started_at INTEGER,
            completed_at INTEGER,
            error_code TEXT,
            branch TEXT,
            owes_callback INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX agent_task_newest ON agent_task (created_at, task_id);
        CREATE INDEX agent_task_status ON agent_task (status, created_at, task_id);
        CREATE INDEX agent_task_repository ON agent_task (repository, created_at, task_id);
        CREATE INDEX agent_task_open ON agent_task (created_at, task_id) WHERE phase <> 8 OR owes_callback = 1;
        CREATE INDEX agent_task_owing ON agent_task (owes_callback) WHERE owes_callback = 1;
        """,
    ]);

    public Task<CatalogAddOutcome> AddAsync(CatalogEntry entry, CancellationToken cancellationToken) => database.WriteAsync(session =>
    {
        var known = session.Scalar("SELECT task_id FROM agent_task WHERE task_key = lower(?1)", entry.TaskId);
        if (known is not null) return string.Equals((string)known, entry.TaskId, StringComparison.Ordinal) ? CatalogAddOutcome.Exists : CatalogAddOutcome.CaseConflict;
        Execute(session, InsertSql, entry);
        return CatalogAddOutcome.Added;
    });

    /// <summary>A task that wakes repairs its row, which nearly always is as it should be: a look costs less than a commit, and a start wakes ten thousand. Only the task's grain writes it.</summary>
    public Task UpdateAsync(CatalogEntry entry, CancellationToken cancellationToken)
    {
        var known = database.Read(session => session.Query($"SELECT {Columns} FROM agent_task WHERE task_id = ?1", ReadEntry, entry.TaskId));
        return known is [var row] && row == entry ? Task.CompletedTask : database.WriteAsync(session => Execute(session, UpsertSql, entry));
    }

    public Task RemoveAsync(string taskId, CancellationToken cancellationToken) =>
        database.WriteAsync(session => session.Execute("DELETE FROM agent_task WHERE task_id = ?1", taskId));

    public IReadOnlyList<CatalogEntry> ReadOpen() => database.Read(session => session.Query(
        $"SELECT {Columns} FROM agent_task WHERE phase <> 8 OR owes_callback = 1 ORDER BY created_at, task_id", ReadEntry));

    /// <exception cref="ArgumentException">The cursor is none of ours.</exception>
    public CatalogPage ReadPage(CatalogQuery query)
    {
        var after = new CatalogCursor(long.MaxValue, "");
        if (query.After is not null && !CatalogCursor.TryParse(query.After, out after)) throw new ArgumentException("The cursor is none of ours.", nameof(query));

        // One row more than asked for tells whether there is a next page.
        var rows = database.Read(session => Query(session, query, after, query.Limit + 1));
        if (rows.Count <= query.Limit) return new(rows, null);
        rows.RemoveAt(rows.Count - 1);
        return new(rows, new CatalogCursor(rows[^1].CreatedAt.UtcTicks, rows[^1].TaskId).ToString());
    }

    public int CountOwing() => database.Read(session => (int)(long)session.Scalar("SELECT count(*) FROM agent_task WHERE owes_callback = 1")!);

    private static List<CatalogEntry> Query(SqliteSession session, CatalogQuery query, CatalogCursor after, int limit)
    {
        const string Head = $"SELECT {Columns} FROM agent_task WHERE (created_at, task_id) < (?1, ?2)";
        const string Tail = " ORDER BY created_at DESC, task_id DESC LIMIT ?3";
        return (query.Status, query.Repository) switch
        {
            (null, null) => session.Query(Head + Tail, ReadEntry, after.CreatedAtTicks, after.TaskId, limit),
            ({ } status, null) => session.Query(Head + " AND status = ?4" + Tail, ReadEntry, after.CreatedAtTicks, after.TaskId, limit, (int)status),
            (null, { } repository) => session.Query(Head + " AND repository = ?4" + Tail, ReadEntry, after.CreatedAtTicks, after.TaskId, limit, repository),
            ({ } status, { } repository) => session.Query(
                Head + " AND status = ?4 AND repository = ?5" + Tail, ReadEntry, after.CreatedAtTicks, after.TaskId, limit, (int)status, repository),
        };
    }

    private static int Execute(SqliteSession session, string sql, CatalogEntry entry) => session.Execute(
        sql, entry.TaskId, (int)entry.Status, (int)entry.Phase, entry.Run, entry.Attempt, entry.WorkerType, entry.Repository, entry.Priority,
        entry.CreatedAt.UtcTicks, entry.StartedAt?.UtcTicks, entry.CompletedAt?.UtcTicks, entry.ErrorCode, entry.Branch, entry.OwesCallback ? 1 : 0);

    private static CatalogEntry ReadEntry(SqliteRow row) => new()
    {
        TaskId = row.Text(0),
        Status = (AgentTaskStatus)row.Int64(1),
        Phase = (AgentTaskPhase)row.Int64(2),
        Run = (int)row.Int64(3),
        Attempt = (int)row.Int64(4),
        WorkerType = row.Text(5),
        Repository = row.Text(6),
        Priority = (int)row.Int64(7),
        CreatedAt = ReadTime(row, 8)!.Value,
        StartedAt = ReadTime(row, 9),
        CompletedAt = ReadTime(row, 10),
        ErrorCode = row.IsNull(11) ? null : row.Text(11),
        Branch = row.IsNull(12) ? null : row.Text(12),
        OwesCallback = row.Int64(13) != 0,
    };

    private static DateTimeOffset? ReadTime(SqliteRow row, int column) => row.IsNull(column) ? null : new DateTimeOffset(row.Int64(column), TimeSpan.Zero);
}
