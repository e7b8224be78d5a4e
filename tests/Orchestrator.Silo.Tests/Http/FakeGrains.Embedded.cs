using System.Collections.Concurrent;
using Orchestrator.Interfaces.AgentTasks;
using Orchestrator.Interfaces.Callbacks;
using Orchestrator.Interfaces.Capacity;
using Orchestrator.Interfaces.Machines;
using Orleans;
using Orleans.Runtime;

namespace Orchestrator.Silo.Tests.Http;

/// <summary>Hands out grains that remember what they were told and answer what a test wants: the HTTP surface alone is tested.</summary>
internal sealed class FakeGrains : IGrainFactory, ICapacityGrain
{
    public ConcurrentDictionary<string, FakeTask> Tasks { get; } = new(StringComparer.Ordinal);

    public CapacitySnapshot Capacity { get; set; } = new(2, 1, 0, 0, 7);

    public FakeTask Task(string id) => Tasks.GetOrAdd(id, _ => new());

    public TGrainInterface GetGrain<TGrainInterface>(string primaryKey, string? grainClassNamePrefix = null)
        where TGrainInterface : IGrainWithStringKey => (TGrainInterface)GetGrain(typeof(TGrainInterface), primaryKey);

    public TGrainInterface GetGrain<TGrainInterface>(GrainId grainId)
        where TGrainInterface : IAddressable => throw new NotSupportedException();

    public IGrain GetGrain(Type grainInterfaceType, string grainPrimaryKey) =>
        grainInterfaceType == typeof(IAgentTaskGrain) ? Task(grainPrimaryKey) : grainInterfaceType == typeof(ICapacityGrain) ? this : throw new NotSupportedException(grainInterfaceType.Name);

    public Task<CapacitySnapshot> GetAsync() => System.Threading.Tasks.Task.FromResult(Capacity);

    public Task<AdmissionResult> AdmitAsync(string taskId, CancellationToken cancellationToken) => throw new NotSupportedException();

    public Task<PlaceInLine> WaitAsync(WaitingEntry entry, CancellationToken cancellationToken) => throw new NotSupportedException();

    public Task ReleaseAsync(string taskId, int run) => throw new NotSupportedException();

    public Task<int?> FindPositionAsync(string taskId) => throw new NotSupportedException();
}

internal sealed class FakeTask : IAgentTaskGrain
{
    public ConcurrentQueue<AgentTaskSubmission> Submissions { get; } = [];

    public Func<AgentTaskSubmission, SubmitResult> Submit { get; set; } = _ => SubmitResult.Accepted;

    public CancelResult Cancel { get; set; } = CancelResult.NotFound;

    public AgentTaskSnapshot? Snapshot { get; set; }

    /// <summary>Is told of each look.</summary>
    public Action? OnGet { get; set; }

    public Task<SubmitResult> SubmitAsync(AgentTaskSubmission submission, CancellationToken cancellationToken)
    {
        Submissions.Enqueue(submission);
        return Task.FromResult(Submit(submission));
    }

    public Task<CancelResult> CancelAsync() => Task.FromResult(Cancel);

    public Task<AgentTaskSnapshot?> GetAsync()
    {
        OnGet?.Invoke();
        return Task.FromResult(Snapshot);
    }

    public Task<bool> WakeAsync() => Task.FromResult(Snapshot is not null);

    public Task SlotGranted(Lease lease) => Task.CompletedTask;

    public Task WorktreePrepared(WorktreeReport report) => Task.CompletedTask;

    public Task SessionStarted(SessionStartedReport report) => Task.CompletedTask;

    public Task SessionEnded(SessionEndedReport report) => Task.CompletedTask;

    public Task WorkCollected(WorkReport report) => Task.CompletedTask;

    public Task CallbackSettled(string callbackId, CallbackState state) => Task.CompletedTask;
}
