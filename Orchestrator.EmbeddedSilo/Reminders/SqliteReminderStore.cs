using Orchestrator.EmbeddedSilo.Storage;
using Orleans.Runtime;

namespace Orchestrator.EmbeddedSilo.Reminders;

/// <summary>Reminders in the silo's database; their writes share its group commits.</summary>
internal sealed class SqliteReminderStore(SqliteDatabase database) : IReminderStore
{
    public IReadOnlyList<ReminderEntry> ReadAll() => database.Read(session => session.Query(
        "SELECT grain_id, name, start_at, period FROM reminder",
        row => new ReminderEntry(GrainId.Parse(row.Text(0)), row.Text(1), new DateTimeOffset(row.Int64(2), TimeSpan.Zero), new TimeSpan(row.Int64(3)))));

    public Task UpsertAsync(ReminderEntry entry) => database.WriteStatementAsync(session => session.Execute(
        """
        INSERT INTO reminder (grain_id, name, start_at, period) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT (grain_id, name) DO UPDATE SET start_at = excluded.start_at, period = excluded.period
        """,
        entry.GrainId.ToString(), entry.Name, entry.StartAt.UtcTicks, entry.Period.Ticks));

    public Task RemoveAsync(GrainId grainId, string name) => database.WriteStatementAsync(session =>
        session.Execute("DELETE FROM reminder WHERE grain_id = ?1 AND name = ?2", grainId.ToString(), name));
}
