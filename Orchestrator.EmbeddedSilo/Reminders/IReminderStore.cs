using System.Collections.Concurrent;
using Orleans.Runtime;

namespace Orchestrator.EmbeddedSilo.Reminders;

/// <summary>A reminder as it is stored.</summary>
/// <param name="GrainId">The grain to remind.</param>
/// <param name="Name">Unique within the grain.</param>
/// <param name="StartAt">When the first tick is due; the others follow in whole periods.</param>
/// <param name="Period">Between ticks.</param>
internal sealed record ReminderEntry(GrainId GrainId, string Name, DateTimeOffset StartAt, TimeSpan Period);

/// <summary>Where reminders are kept. What returns has been stored.</summary>
internal interface IReminderStore
{
    IReadOnlyList<ReminderEntry> ReadAll();

    Task UpsertAsync(ReminderEntry entry);

    Task RemoveAsync(GrainId grainId, string name);
}

/// <summary>Reminders that end with the process: for tests.</summary>
internal sealed class MemoryReminderStore : IReminderStore
{
    private readonly ConcurrentDictionary<(GrainId, string), ReminderEntry> _entries = new();

    public IReadOnlyList<ReminderEntry> ReadAll() => [.. _entries.Values];

    public Task UpsertAsync(ReminderEntry entry)
    {
        _entries[(entry.GrainId, entry.Name)] = entry;
        return Task.CompletedTask;
    }

    public Task RemoveAsync(GrainId grainId, string name)
    {
        _entries.TryRemove((grainId, name), out _);
        return Task.CompletedTask;
    }
}
