using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using Orleans;
using Orleans.Runtime;
using Orleans.Storage;

namespace Orchestrator.Conformance;

/// <summary>What goes wrong at the next access to a grain's state; then all is well again.</summary>
public enum StorageFault
{
    None,

    /// <summary>The read fails.</summary>
    ReadFails,

    /// <summary>Nothing is written, and the writer is told.</summary>
    WriteFails,

    /// <summary>It is written, and the writer is told that it failed: so it is when an answer is lost.</summary>
    WritesThenFails,

    /// <summary>Somebody else writes first.</summary>
    SomebodyElseWrites,
}

/// <summary>Storage that fails when a test asks for it, around the storage that the runtime's fixture provides.</summary>
public sealed class FaultyStorage(IGrainStorage storage, FaultyStorage.Faults faults) : IGrainStorage
{
    public async Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        if (faults.TakeIf(grainId, StorageFault.ReadFails)) throw Failure();
        await storage.ReadStateAsync(stateName, grainId, grainState);
    }

    public async Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        if (faults.TakeIf(grainId, StorageFault.WriteFails)) throw Failure();
        if (faults.TakeIf(grainId, StorageFault.WritesThenFails))
        {
            await storage.WriteStateAsync(stateName, grainId, new Copy<T>(grainState));
            throw Failure();
        }

        if (faults.TakeIf(grainId, StorageFault.SomebodyElseWrites)) await TouchAsync(stateName, grainId, grainState);
        await storage.WriteStateAsync(stateName, grainId, grainState);
    }

    public async Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        if (faults.TakeIf(grainId, StorageFault.SomebodyElseWrites)) await TouchAsync(stateName, grainId, grainState);
        await storage.ClearStateAsync(stateName, grainId, grainState);
    }

    /// <summary>The runtime hands it to the grain inside an <see cref="OrleansException"/>.</summary>
    private static IOException Failure() => new("The disk is full.");

    private async Task TouchAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        var other = new Copy<T>(grainState);
        await storage.ReadStateAsync(stateName, grainId, other);
        await storage.WriteStateAsync(stateName, grainId, other);
    }

    private sealed class Copy<T>(IGrainState<T> original) : IGrainState<T>
    {
        [AllowNull]
        public T State { get; set; } = original.State!;

        public string? ETag { get; set; } = original.ETag;

        public bool RecordExists { get; set; } = original.RecordExists;
    }

    /// <summary>What is to go wrong, by grain key. Outlives a restart.</summary>
    public sealed class Faults
    {
        private readonly ConcurrentDictionary<string, StorageFault> _next = new(StringComparer.Ordinal);

        public void Arm(string key, StorageFault fault) => _next[key] = fault;

        internal bool TakeIf(GrainId grainId, StorageFault fault) => _next.TryRemove(new(grainId.Key.ToString()!, fault));
    }
}
