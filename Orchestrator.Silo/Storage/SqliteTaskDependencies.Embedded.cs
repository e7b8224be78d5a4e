using System.Text.Json;
using Orchestrator.Contracts.AgentTasks;
using Orchestrator.EmbeddedSilo.Storage;
using Orchestrator.Grains.AgentTasks;
using Orchestrator.Interfaces.AgentTasks;

namespace Orchestrator.Silo.Storage;

/// <summary>Dependencies in the silo's database, beside the catalog's table, which it reads.</summary>
internal sealed class SqliteTaskDependencies(SqliteDatabase database) : ITaskDependencies
{
    // Phase 3 is blocked. Identifiers come as one JSON array, so that the statement is a constant.
    private const string BlockedBySql =
        "SELECT d.task_id FROM task_dependency d JOIN agent_task t ON t.task_id = d.task_id WHERE d.depends_on = ?1 AND t.phase = 3 ORDER BY t.created_at, t.task_id";

    private const string LookSql = "SELECT task_id, status, error_code FROM agent_task WHERE task_id IN (SELECT value FROM json_each(?1))";

    public static readonly SqliteSchema Schema = new("task_dependencies",
    [
        """
        CREATE TABLE task_dependency (
            task_id TEXT NOT NULL,
            depends_on TEXT NOT NULL,
            PRIMARY KEY (task_id, depends_on)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX task_dependency_depends_on ON task_dependency (depends_on, task_id);
        """,
    ]);

    public Task AddAsync(string taskId, IReadOnlyList<string> dependsOn, CancellationToken cancellationToken) => database.WriteAsync(session =>
    {
        foreach (var other in dependsOn) session.Execute("INSERT OR IGNORE INTO task_dependency VALUES (?1, ?2)", taskId, other);
        return dependsOn.Count;
    });

    public Task RemoveAsync(string taskId, CancellationToken cancellationToken) =>
        database.WriteAsync(session => session.Execute("DELETE FROM task_dependency WHERE task_id = ?1", taskId));

    public IReadOnlyList<string> FindBlockedBy(string taskId) => database.Read(session => session.Query(BlockedBySql, static row => row.Text(0), taskId));

    public IReadOnlyDictionary<string, DependencyStanding> Look(IReadOnlyList<string> taskIds)
    {
        var ids = JsonSerializer.Serialize(taskIds, TaskRequestJsonContext.Default.IReadOnlyListString);
        return database.Read(session => session.Query(LookSql, ReadStanding, ids)).ToDictionary(found => found.TaskId, found => found.Standing, StringComparer.Ordinal);
    }

    private static (string TaskId, DependencyStanding Standing) ReadStanding(SqliteRow row) =>
        (row.Text(0), new((AgentTaskStatus)row.Int64(1), row.IsNull(2) ? null : row.Text(2)));
}
