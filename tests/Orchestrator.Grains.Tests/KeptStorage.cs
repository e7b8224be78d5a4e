using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json;
using Orleans;
using Orleans.Runtime;
using Orleans.Storage;

namespace Orchestrator.Grains.Tests;

/// <summary>Grain state in memory, as JSON, that outlives its silo; fails when a test asks for it.</summary>
internal sealed class KeptStorage : IGrainStorage
{
    private readonly ConcurrentDictionary<(string State, string Grain), (string ETag, byte[] Json)> _records = new();
    private readonly ConcurrentDictionary<string, bool> _failing = new(StringComparer.Ordinal);
    private int _lastVersion;

    /// <summary>The next write of that state fails, and nothing is written; then all is well again.</summary>
    public void FailNextWrite(string stateName) => _failing[stateName] = false;

    /// <summary>The next write of that state is done and its answer is lost: the writer is told that it failed.</summary>
    public void LoseNextAnswer(string stateName) => _failing[stateName] = true;

    /// <summary>What is stored of that state for the grain of that key, as JSON; null when nothing is.</summary>
    public string? Read(string stateName, string key)
    {
        var record = _records.FirstOrDefault(record => record.Key.State == stateName && record.Key.Grain.EndsWith($"/{key}", StringComparison.Ordinal)).Value;
        return record.Json is null ? null : System.Text.Encoding.UTF8.GetString(record.Json);
    }

    public Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        grainState.RecordExists = _records.TryGetValue((stateName, grainId.ToString()), out var record);
        if (grainState.RecordExists) (grainState.State, grainState.ETag) = (JsonSerializer.Deserialize<T>(record.Json, JsonSerializerOptions.Web)!, record.ETag);
        return Task.CompletedTask;
    }

    public Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        var isFailing = _failing.TryRemove(stateName, out var isWritten);
        if (isFailing && !isWritten) return Task.FromException(new IOException("The disk is full."));
        var key = (stateName, grainId.ToString());
        var exists = _records.TryGetValue(key, out var current);
        if ((exists ? current.ETag : null) != grainState.ETag)
            return Task.FromException(new InconsistentStateException("Written by somebody else.", exists ? current.ETag : null, grainState.ETag));
        var etag = Interlocked.Increment(ref _lastVersion).ToString(CultureInfo.InvariantCulture);
        _records[key] = (etag, JsonSerializer.SerializeToUtf8Bytes(grainState.State, JsonSerializerOptions.Web));
        if (isFailing) return Task.FromException(new IOException("The connection was lost."));
        (grainState.ETag, grainState.RecordExists) = (etag, true);
        return Task.CompletedTask;
    }

    public Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        _records.TryRemove((stateName, grainId.ToString()), out _);
        (grainState.ETag, grainState.RecordExists) = (null, false);
        return Task.CompletedTask;
    }
}
