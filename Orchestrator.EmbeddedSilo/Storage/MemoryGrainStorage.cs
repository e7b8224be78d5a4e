using System.Collections.Concurrent;
using System.Globalization;
using Orleans;
using Orleans.Runtime;
using Orleans.Storage;

namespace Orchestrator.EmbeddedSilo.Storage;

/// <summary>Grain state in memory, as the JSON that a disk would hold, so that nothing is shared with the grain.</summary>
internal sealed class MemoryGrainStorage(GrainStateSerializer serializer) : IGrainStorage
{
    private readonly ConcurrentDictionary<(string, GrainId), (long Version, byte[] Json)> _records = new();
    private long _lastVersion;

    public Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        grainState.RecordExists = _records.TryGetValue((stateName, grainId), out var record);
        if (grainState.RecordExists) (grainState.State, grainState.ETag) = (serializer.Deserialize<T>(record.Json, stateName, grainId), Text(record.Version));
        return Task.CompletedTask;
    }

    public Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        var key = (stateName, grainId);
        var next = (Version: Interlocked.Increment(ref _lastVersion), Json: serializer.Serialize(grainState.State));
        var exists = _records.TryGetValue(key, out var current);
        var written = grainState.ETag is null
            ? !exists && _records.TryAdd(key, next)
            : exists && Text(current.Version) == grainState.ETag && _records.TryUpdate(key, next, current);
        if (!written) return Task.FromException(Conflict(stateName, grainId, exists ? Text(current.Version) : null, grainState.ETag));
        (grainState.ETag, grainState.RecordExists) = (Text(next.Version), true);
        return Task.CompletedTask;
    }

    public Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        var key = (stateName, grainId);
        var exists = _records.TryGetValue(key, out var current);
        var isExpected = exists ? Text(current.Version) == grainState.ETag : grainState.ETag is null;
        if (!isExpected || (exists && !_records.TryRemove(new(key, current))))
            return Task.FromException(Conflict(stateName, grainId, exists ? Text(current.Version) : null, grainState.ETag));
        (grainState.ETag, grainState.RecordExists) = (null, false);
        return Task.CompletedTask;
    }

    internal static InconsistentStateException Conflict(string stateName, GrainId grainId, string? stored, string? current) =>
        new($"State '{stateName}' of {grainId} was written by somebody else.", stored, current);

    private static string Text(long version) => version.ToString(CultureInfo.InvariantCulture);
}
