using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.DependencyInjection;
using Orchestrator.EmbeddedSilo.Reminders;
using Orchestrator.Grains;
using Orchestrator.Grains.AgentTasks;
using Orchestrator.Silo.Access;
using Orchestrator.Testing.Faults;
using Orleans;
using Orleans.Runtime;
using Orleans.Storage;

namespace Orchestrator.TortureTarget;

/// <summary>Lets grain states, catalog, nonces and reminders fail as <c>STORAGE_FAULTS</c> says (<see cref="StorageFaults"/>).</summary>
internal static class FaultyStorage
{
    public static void AddTo(IServiceCollection services)
    {
        // What the database's own failures reach grains and routes as.
        if (StorageFaults.FromEnvironment(message => new OrleansException(message)) is not { } faults) return;
        services.AddSingleton(faults);
        Decorate<IAgentTaskCatalog>(services, inner => new Catalog(inner, faults));
        Decorate<INonces>(services, inner => new Nonces(inner, faults));
        Decorate<IReminderStore>(services, inner => new Reminders(inner, faults));
        var storage = services.Last(service => service.ServiceType == typeof(IGrainStorage) && service.ServiceKey is GrainStorageNames.Orchestrator);
        services.AddKeyedSingleton<IGrainStorage>(GrainStorageNames.Orchestrator, (provider, key) => new States(
            storage.KeyedImplementationFactory is { } factory
                ? (IGrainStorage)factory(provider, key)
                : (IGrainStorage)ActivatorUtilities.CreateInstance(provider, storage.KeyedImplementationType!),
            faults));
    }

    private static void Decorate<T>(IServiceCollection services, Func<T, T> decorate)
        where T : class
    {
        var real = services.Last(service => service.ServiceType == typeof(T) && service.ServiceKey is null);
        services.AddSingleton(provider => decorate((T)(real.ImplementationFactory is { } factory ? factory(provider) : ActivatorUtilities.CreateInstance(provider, real.ImplementationType!))));
    }

    private sealed class States(IGrainStorage inner, StorageFaults faults) : IGrainStorage
    {
        public Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) => faults.ReadAsync(() => inner.ReadStateAsync(stateName, grainId, grainState));

        public async Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
        {
            // Who hears that it failed must not hear of the new etag.
            var copy = new Copy<T>(grainState);
            await faults.WriteAsync(() => inner.WriteStateAsync(stateName, grainId, copy));
            (grainState.ETag, grainState.RecordExists) = (copy.ETag, copy.RecordExists);
        }

        public async Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
        {
            var copy = new Copy<T>(grainState);
            await faults.WriteAsync(() => inner.ClearStateAsync(stateName, grainId, copy));
            (grainState.ETag, grainState.RecordExists) = (copy.ETag, copy.RecordExists);
        }
    }

    private sealed class Copy<T>(IGrainState<T> original) : IGrainState<T>
    {
        [AllowNull]
        public T State { get; set; } = original.State!;

        public string? ETag { get; set; } = original.ETag;

        public bool RecordExists { get; set; } = original.RecordExists;
    }

    private sealed class Catalog(IAgentTaskCatalog inner, StorageFaults faults) : IAgentTaskCatalog
    {
        public Task<CatalogAddOutcome> AddAsync(CatalogEntry entry, CancellationToken cancellationToken) => faults.WriteAsync(() => inner.AddAsync(entry, cancellationToken));

        public Task UpdateAsync(CatalogEntry entry, CancellationToken cancellationToken) => faults.WriteAsync(() => inner.UpdateAsync(entry, cancellationToken));

        public Task RemoveAsync(string taskId, CancellationToken cancellationToken) => faults.WriteAsync(() => inner.RemoveAsync(taskId, cancellationToken));

        // A read that fails stops a start, which is a matter of its own, and a capacity grain's first turn; both are tried elsewhere.
        public IReadOnlyList<CatalogEntry> ReadOpen() => inner.ReadOpen();

        public CatalogEntry? Find(string taskId) => inner.Find(taskId);

        public CatalogPage ReadPage(CatalogQuery query) => inner.ReadPage(query);

        public int CountOwing() => inner.CountOwing();
    }

    private sealed class Nonces(INonces inner, StorageFaults faults) : INonces
    {
        public NonceState Look(Guid nonce, DateTimeOffset signedAt) => inner.Look(nonce, signedAt);

        public Task<NonceState> SpendAsync(Guid nonce, DateTimeOffset signedAt) => faults.WriteAsync(() => inner.SpendAsync(nonce, signedAt));
    }

    private sealed class Reminders(IReminderStore inner, StorageFaults faults) : IReminderStore
    {
        public IReadOnlyList<ReminderEntry> ReadAll() => inner.ReadAll();

        public Task UpsertAsync(ReminderEntry entry) => faults.WriteAsync(() => inner.UpsertAsync(entry));

        public Task RemoveAsync(GrainId grainId, string name) => faults.WriteAsync(() => inner.RemoveAsync(grainId, name));
    }
}
