using System.Collections.Concurrent;
using Orleans;
using Orleans.Runtime;
using Orleans.Storage;

namespace Orchestrator.TortureTarget;

/// <summary>Grain storage whose writes pass fail points that say what is written, by comparing it with what was read or written before.</summary>
internal sealed class FailingStorage(IGrainStorage inner, FailPoints points) : IGrainStorage
{
    private readonly ConcurrentDictionary<(string, GrainId), object?> _stored = new();

    public async Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        await inner.ReadStateAsync(stateName, grainId, grainState);
        _stored[(stateName, grainId)] = grainState.RecordExists ? grainState.State : null;
    }

    public async Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        var step = WriteSteps.NameOf(_stored.GetValueOrDefault((stateName, grainId)), grainState.State);
        if (step is not null) points.Pass($"{step}.before");
        await inner.WriteStateAsync(stateName, grainId, grainState);
        _stored[(stateName, grainId)] = grainState.State;
        if (step is not null) points.Pass($"{step}.after");
    }

    public Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        _stored[(stateName, grainId)] = null;
        return inner.ClearStateAsync(stateName, grainId, grainState);
    }
}
