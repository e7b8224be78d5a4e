using Orchestrator.EmbeddedSilo.Storage;
using Orleans.Runtime;

namespace Orchestrator.EmbeddedSilo.Reminders;

/// <summary>Reminders in the silo's database; their writes share its group commits.</summary>
internal sealed class SqliteReminderStore(SqliteDatabase database) : IReminderStore
{
    public IReadOnlyList<ReminderEntry> ReadAll() => database.Read(session =>
    {
        var entries = new List<ReminderEntry>();
        using var reader = session.Command("SELECT grain_id, name, start_at, period FROM reminder").ExecuteReader();
        while (reader.Read())
        {
            entries.Add(new(
                GrainId.Parse(reader.GetString(0)), reader.GetString(1), new DateTimeOffset(reader.GetInt64(2), TimeSpan.Zero), new TimeSpan(reader.GetInt64(3))));
        }

        return entries;
    });

    public Task UpsertAsync(ReminderEntry entry) => database.WriteStatementAsync(session => session.Execute(
        """
        INSERT INTO reminder (grain_id, name, start_at, period) VALUES ($1, $2, $3, $4)
        ON CONFLICT (grain_id, name) DO UPDATE SET start_at = excluded.start_at, period = excluded.period
        """,
        entry.GrainId.ToString(), entry.Name, entry.StartAt.UtcTicks, entry.Period.Ticks));

    public Task RemoveAsync(GrainId grainId, string name) => database.WriteStatementAsync(session =>
        session.Execute("DELETE FROM reminder WHERE grain_id = $1 AND name = $2", grainId.ToString(), name));
}
