using System.Collections.Concurrent;
using System.Reflection;
using Orchestrator.Interfaces.AgentTasks;
using Orchestrator.Interfaces.Capacity;
using Orleans;
using Orleans.Runtime;

namespace Orchestrator.Silo.Tests.Http;

/// <summary>Hands out grains that remember what they were told and answer what a test wants: the HTTP surface alone is tested.</summary>
internal sealed class FakeGrains : IGrainFactory
{
    public ConcurrentDictionary<string, FakeTask> Tasks { get; } = new(StringComparer.Ordinal);

    public CapacitySnapshot Capacity { get; set; } = new(2, 1, 0, 0, 7);

    /// <summary>What <see cref="ICapacityGrain.GetAsync"/> answers instead of <see cref="Capacity"/>; null: that.</summary>
    public Func<Task<CapacitySnapshot>>? AskCapacity { get; set; }

    public FakeTask Task(string id) => Tasks.GetOrAdd(id, _ => new());

    public TGrainInterface GetGrain<TGrainInterface>(string primaryKey, string? grainClassNamePrefix = null)
        where TGrainInterface : IGrainWithStringKey => (TGrainInterface)GetGrain(typeof(TGrainInterface), primaryKey);

    public TGrainInterface GetGrain<TGrainInterface>(GrainId grainId)
        where TGrainInterface : IAddressable => throw new NotSupportedException();

    public IGrain GetGrain(Type grainInterfaceType, string grainPrimaryKey)
    {
        if (grainInterfaceType == typeof(IAgentTaskGrain)) return GrainProxy.Create<IAgentTaskGrain>(Task(grainPrimaryKey).Answer);
        return GrainProxy.Create<ICapacityGrain>(AnswerCapacity);
    }

    private object? AnswerCapacity(MethodInfo method, object?[] arguments)
    {
        if (method.Name == nameof(ICapacityGrain.GetAsync)) return AskCapacity?.Invoke() ?? System.Threading.Tasks.Task.FromResult(Capacity);
        if (method.Name != nameof(ICapacityGrain.SetModeAsync)) return null;
        var mode = (PoolMode)arguments[0]!;
        Capacity = Capacity with { Mode = mode, GivesNone = mode == PoolMode.Open ? null : mode.ToString().ToLowerInvariant() };
        return System.Threading.Tasks.Task.FromResult(Capacity);
    }
}

/// <summary>Implements a grain interface while the program runs: a class that did it in source would be taken for a grain by the generator.</summary>
public class GrainProxy : DispatchProxy
{
    private Func<MethodInfo, object?[], object?> _answer = (_, _) => null;

    internal static T Create<T>(Func<MethodInfo, object?> answer) => Create<T>((method, _) => answer(method));

    internal static T Create<T>(Func<MethodInfo, object?[], object?> answer)
    {
        var proxy = Create<T, GrainProxy>();
        ((GrainProxy)(object)proxy!)._answer = answer;
        return proxy;
    }

    protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) =>
        _answer(targetMethod!, args ?? []) ?? throw new NotSupportedException($"No test answers {targetMethod!.Name}.");
}

internal sealed class FakeTask
{
    public ConcurrentQueue<AgentTaskSubmission> Submissions { get; } = [];

    public Func<AgentTaskSubmission, SubmitResult> Submit { get; set; } = _ => SubmitResult.Accepted;

    public CancelResult Cancel { get; set; } = CancelResult.NotFound;

    public AgentTaskSnapshot? Snapshot { get; set; }

    public Func<int, PriorityResult> Reprioritize { get; set; } = _ => new(PriorityOutcome.NotFound);

    public object? Answer(MethodInfo method, object?[] arguments)
    {
        switch (method.Name)
        {
            case nameof(IAgentTaskGrain.SubmitAsync):
                var submission = (AgentTaskSubmission)arguments[0]!;
                Submissions.Enqueue(submission);
                return Task.FromResult(Submit(submission));
            case nameof(IAgentTaskGrain.CancelAsync):
                return Task.FromResult(Cancel);
            case nameof(IAgentTaskGrain.ReprioritizeAsync):
                return Task.FromResult(Reprioritize((int)arguments[0]!));
            case nameof(IAgentTaskGrain.GetAsync):
                return Task.FromResult(Snapshot);
            default:
                return null;
        }
    }
}
