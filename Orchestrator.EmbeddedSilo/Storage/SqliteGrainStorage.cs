using System.Globalization;
using Orleans;
using Orleans.Runtime;
using Orleans.Storage;

namespace Orchestrator.EmbeddedSilo.Storage;

/// <summary>Grain state as rows of JSON under state name and grain key: the name of a class is not in it, so that classes can be renamed.</summary>
internal sealed class SqliteGrainStorage(SqliteDatabase database, GrainStateSerializer serializer) : IGrainStorage
{
    public Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        var key = grainId.Key.ToString();
        var found = database.Read(session => session.Query(
            "SELECT etag, json FROM grain_state WHERE state_name = ?1 AND grain_key = ?2",
            row => (Etag: row.Int64(0), State: serializer.Deserialize<T>(row.Blob(1), stateName, grainId)),
            stateName, key));
        grainState.RecordExists = found.Count > 0;
        if (found is [var record]) (grainState.State, grainState.ETag) = (record.State, Text(record.Etag));
        return Task.CompletedTask;
    }

    public Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        var key = grainId.Key.ToString();
        var json = serializer.Serialize(grainState.State);
        var current = grainState.ETag;
        var expected = Number(current);

        // Records start at a random number, so that one which was cleared and written anew is not taken for the old one.
        var next = expected + 1 ?? Random.Shared.NextInt64(1, 1L << 52);
        return database.WriteStatementAsync(
            session =>
            {
                var written = expected is null
                    ? session.Execute("INSERT INTO grain_state (state_name, grain_key, etag, json) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING", stateName, key, next, json)
                    : session.Execute("UPDATE grain_state SET etag = ?3, json = ?4 WHERE state_name = ?1 AND grain_key = ?2 AND etag = ?5", stateName, key, next, json, expected);
                return written > 0 ? next : throw Conflict(session, stateName, grainId, current);
            },
            committed => (grainState.ETag, grainState.RecordExists) = (Text(committed), true));
    }

    public Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        var current = grainState.ETag;
        return database.WriteStatementAsync(
            session =>
            {
                var key = grainId.Key.ToString();
                var cleared = session.Execute(
                    "DELETE FROM grain_state WHERE state_name = ?1 AND grain_key = ?2 AND etag = ?3", stateName, key, Number(current) ?? 0);
                return cleared > 0 || (current is null && StoredEtag(session, stateName, key) is null) ? cleared : throw Conflict(session, stateName, grainId, current);
            },
            _ => (grainState.ETag, grainState.RecordExists) = (null, false));
    }

    private static string Text(long etag) => etag.ToString(CultureInfo.InvariantCulture);

    private static long? Number(string? etag) => etag is null ? null : long.Parse(etag, CultureInfo.InvariantCulture);

    private static InconsistentStateException Conflict(SqliteSession session, string stateName, GrainId grainId, string? current) =>
        MemoryGrainStorage.Conflict(stateName, grainId, StoredEtag(session, stateName, grainId.Key.ToString()), current);

    private static string? StoredEtag(SqliteSession session, string stateName, string key) =>
        session.Scalar("SELECT etag FROM grain_state WHERE state_name = ?1 AND grain_key = ?2", stateName, key) is long etag ? Text(etag) : null;
}
