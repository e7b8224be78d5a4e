using Orchestrator.Grains.AgentTasks;
using Orchestrator.Testing.Faults;

namespace Orchestrator.Grains.Tests.AgentTasks;

/// <summary>A catalog whose writes fail.</summary>
internal sealed class FaultyCatalog(IAgentTaskCatalog inner, StorageFaults faults) : IAgentTaskCatalog
{
    public Task<CatalogAddOutcome> AddAsync(CatalogEntry entry, CancellationToken cancellationToken) => faults.WriteAsync(() => inner.AddAsync(entry, cancellationToken));

    public Task UpdateAsync(CatalogEntry entry, CancellationToken cancellationToken) => faults.WriteAsync(() => inner.UpdateAsync(entry, cancellationToken));

    public Task RemoveAsync(string taskId, CancellationToken cancellationToken) => faults.WriteAsync(() => inner.RemoveAsync(taskId, cancellationToken));

    public CatalogEntry? Find(string taskId) => inner.Find(taskId);

    public IReadOnlyList<CatalogEntry> ReadOpen() => inner.ReadOpen();

    public CatalogPage ReadPage(CatalogQuery query) => inner.ReadPage(query);

    public int CountOwing() => inner.CountOwing();
}
