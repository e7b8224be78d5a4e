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

    public async Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        var key = grainId.Key.ToString();
        var json = serializer.Serialize(grainState.State);
        var expected = Number(grainState.ETag);

        // Records start at a random number, so that one which was cleared and written anew is not taken for the old one.
        var next = expected + 1 ?? Random.Shared.NextInt64(1, 1L << 52);
        var written = await database.WriteStatementAsync(session => expected is null
            ? session.Execute("INSERT INTO grain_state (state_name, grain_key, etag, json) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING", stateName, key, next, json)
            : session.Execute("UPDATE grain_state SET etag = ?3, json = ?4 WHERE state_name = ?1 AND grain_key = ?2 AND etag = ?5", stateName, key, next, json, expected));
        if (written == 0) throw Conflict(stateName, grainId, grainState.ETag);
        (grainState.ETag, grainState.RecordExists) = (Text(next), true);
    }

    public async Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        var key = grainId.Key.ToString();
        var expected = Number(grainState.ETag);
        var cleared = await database.WriteStatementAsync(session =>
            session.Execute("DELETE FROM grain_state WHERE state_name = ?1 AND grain_key = ?2 AND etag = ?3", stateName, key, expected ?? 0));
        if (cleared == 0 && (expected is not null || StoredEtag(stateName, key) is not null)) throw Conflict(stateName, grainId, grainState.ETag);
        (grainState.ETag, grainState.RecordExists) = (null, false);
    }

    private static string Text(long etag) => etag.ToString(CultureInfo.InvariantCulture);

    private static long? Number(string? etag) => etag is null ? null : long.Parse(etag, CultureInfo.InvariantCulture);

    private InconsistentStateException Conflict(string stateName, GrainId grainId, string? current) =>
        MemoryGrainStorage.Conflict(stateName, grainId, StoredEtag(stateName, grainId.Key.ToString()), current);

    private string? StoredEtag(string stateName, string key) => database.Read(session =>
        session.Scalar("SELECT etag FROM grain_state WHERE state_name = ?1 AND grain_key = ?2", stateName, key)) is long etag ? Text(etag) : null;
}
