using System.Reflection;
using Microsoft.Extensions.DependencyInjection;
using Orchestrator.EmbeddedSilo.Activations;
using Orleans;
using Orleans.Core;
using Orleans.Runtime;
using Orleans.Storage;

namespace Orchestrator.EmbeddedSilo.Storage;

/// <summary>A state that its activation reads before the grain sees it.</summary>
internal interface IPersistentStateBridge
{
    Task LoadAsync(CancellationToken cancellationToken);
}

/// <summary>
/// The state of one activation: what the grain holds and what the storage provider fills are the same object. Operations run one after the other
/// in the order in which they were asked for; a write takes the state as it is at that moment.
/// </summary>
internal sealed class PersistentState<T>(Activation activation, string name, IGrainStorage storage) : IPersistentState<T>, IGrainState<T>, IPersistentStateBridge
{
    private Task _last = Task.CompletedTask;

    public T State { get; set; } = NewState();

    public string? Etag { get; private set; }

    string? IGrainState<T>.ETag
    {
        get => Etag;
        set => Etag = value;
    }

    public bool RecordExists { get; private set; }

    bool IGrainState<T>.RecordExists
    {
        get => RecordExists;
        set => RecordExists = value;
    }

    public Task LoadAsync(CancellationToken cancellationToken) => WrapAsync(ReadCoreAsync).WaitAsync(cancellationToken);

    public Task ReadStateAsync() => InOrderAsync(ReadCoreAsync);

    public Task WriteStateAsync() => InOrderAsync(() => storage.WriteStateAsync(name, activation.GrainId, this));

    public Task ClearStateAsync() => InOrderAsync(async () =>
    {
        await storage.ClearStateAsync(name, activation.GrainId, this);
        (State, Etag, RecordExists) = (NewState(), null, false);
    });

    Task IStorage.ReadStateAsync(CancellationToken cancellationToken) => UnlessCancelled(ReadStateAsync, cancellationToken);

    Task IStorage.WriteStateAsync(CancellationToken cancellationToken) => UnlessCancelled(WriteStateAsync, cancellationToken);

    Task IStorage.ClearStateAsync(CancellationToken cancellationToken) => UnlessCancelled(ClearStateAsync, cancellationToken);

    /// <summary>An operation that has begun is not cut short: whether it took effect would be unknown.</summary>
    private static Task UnlessCancelled(Func<Task> operation, CancellationToken cancellationToken) =>
        cancellationToken.IsCancellationRequested ? Task.FromCanceled(cancellationToken) : operation();

    private static T NewState() => PersistentStateFactory.New<T>();

    private async Task ReadCoreAsync()
    {
        await storage.ReadStateAsync(name, activation.GrainId, this);
        if (!RecordExists) (State, Etag) = (NewState(), null);
    }

    private Task InOrderAsync(Func<Task> operation)
    {
        activation.CheckIsCurrent("State is read and written");
        return _last = _last.IsCompleted ? WrapAsync(operation) : AfterAsync(_last, operation);

        async Task AfterAsync(Task before, Func<Task> operation)
        {
            // How the one before ended is known to whoever asked for it.
            await before.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
            await WrapAsync(operation);
        }
    }

    /// <summary>As in Orleans, whatever a storage throws reaches the grain as an <see cref="OrleansException"/>.</summary>
    private async Task WrapAsync(Func<Task> operation)
    {
        try
        {
            await operation();
        }
        catch (Exception exception) when (exception is not OrleansException)
        {
            throw new OrleansException($"Storage failed for state '{name}' of {activation.GrainId}: {exception.Message}", exception);
        }
    }
}

/// <summary>Makes states for the constructors of grains.</summary>
internal static class PersistentStateFactory
{
    private static readonly MethodInfo CreateMethod = typeof(PersistentStateFactory).GetMethod(nameof(CreateOf), BindingFlags.Static | BindingFlags.NonPublic)!;

    public static Func<Activation, object?> Create(Type stateType, PersistentStateAttribute attribute) =>
        CreateMethod.MakeGenericMethod(stateType).CreateDelegate<Func<PersistentStateAttribute, Func<Activation, object?>>>()(attribute);

    /// <summary>A state as its parameterless constructor makes it; types without one start with all members at their defaults.</summary>
    public static T New<T>() => typeof(T).IsValueType || typeof(T).GetConstructor(Type.EmptyTypes) is not null
        ? Activator.CreateInstance<T>()
        : (T)System.Runtime.CompilerServices.RuntimeHelpers.GetUninitializedObject(typeof(T));

    private static Func<Activation, object?> CreateOf<T>(PersistentStateAttribute attribute)
    {
        IGrainStorage? storage = null;
        return activation =>
        {
            storage ??= activation.Runtime.Services.GetRequiredKeyedService<IGrainStorage>(attribute.StorageName);
            var state = new PersistentState<T>(activation, attribute.StateName, storage);
            activation.AddState(state);
            return state;
        };
    }
}
