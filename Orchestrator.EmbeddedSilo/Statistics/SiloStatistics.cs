using Orchestrator.EmbeddedSilo.Activations;
using Orchestrator.EmbeddedSilo.Storage;
using Orleans.Runtime;

namespace Orchestrator.EmbeddedSilo.Statistics;

/// <summary>What the silo does, as a snapshot of its counters. All counts start at zero with the process.</summary>
public sealed class SiloStatistics
{
    private readonly SiloRuntime _runtime;
    private readonly SqliteDatabase? _database;

    internal SiloStatistics(SiloRuntime runtime, IEnumerable<SqliteDatabase> databases) => (_runtime, _database) = (runtime, databases.FirstOrDefault());

    /// <summary>One entry for each grain class, by name.</summary>
    public IReadOnlyList<GrainTypeStatistics> ReadGrainTypes()
    {
        var activations = _runtime.Catalog.Enumerate().GroupBy(activation => activation.Class).ToDictionary(group => group.Key, group => group.Count());
        var now = _runtime.Clock.GetTimestamp();
        return [.. _runtime.Registry.Classes.Select(Read).OrderBy(entry => entry.GrainType, StringComparer.Ordinal)];

        GrainTypeStatistics Read(GrainClass grainClass)
        {
            var latency = grainClass.Statistics.Percentiles(0.5, 0.99);
            return new(
                grainClass.GrainType.ToString(), activations.GetValueOrDefault(grainClass), grainClass.Statistics.Calls,
                grainClass.Statistics.RateAt(now) * _runtime.Clock.TimestampFrequency, grainClass.Statistics.Failures, ToTime(latency[0]), ToTime(latency[1]));
        }
    }

    /// <summary>The grains with the longest queues, longest first; idle ones are left out.</summary>
    /// <param name="limit">How many at the most.</param>
    public IReadOnlyList<GrainQueueStatistics> ReadQueues(int limit = 20) =>
    [
        .. _runtime.Catalog.Enumerate()
            .Select(activation => (activation.GrainId, Queue: activation.QueueLength))
            .Where(entry => entry.Queue is not (0, 0))
            .OrderByDescending(entry => entry.Queue.Waiting)
            .Take(limit)
            .Select(entry => new GrainQueueStatistics(entry.GrainId, entry.Queue.Waiting, entry.Queue.Running)),
    ];

    /// <summary>All reminders.</summary>
    public IReadOnlyList<ReminderStatistics> ReadReminders() =>
        [.. _runtime.Reminders?.All.Select(entry => new ReminderStatistics(entry.GrainId, entry.Name, entry.StartAt, entry.Period)) ?? []];

    /// <summary>The writer of the database; null when the silo has none.</summary>
    public StorageStatistics? ReadStorage()
    {
        if (_database is null) return null;
        var statistics = _database.Statistics;
        var latency = statistics.Latency.Percentiles(0.5, 0.99);
        return new(statistics.Writes, statistics.FailedWrites, statistics.Commits, ToTime(latency[0]), ToTime(latency[1]));
    }

    private TimeSpan ToTime(double timestamps) => TimeSpan.FromSeconds(timestamps / _runtime.Clock.TimestampFrequency);
}

/// <summary>The calls of one grain class.</summary>
/// <param name="GrainType">The class's name in addresses.</param>
/// <param name="Activations">How many are in memory now.</param>
/// <param name="Calls">How many calls have ended, timer and reminder ticks included.</param>
/// <param name="CallsPerSecond">Over the last 10 seconds or so.</param>
/// <param name="Failures">How many of the calls ended with an exception.</param>
/// <param name="LatencyP50">From sending to the end; upper bound, at most 25 % above the true value.</param>
/// <param name="LatencyP99">From sending to the end; upper bound, at most 25 % above the true value.</param>
public sealed record GrainTypeStatistics(
    string GrainType, int Activations, long Calls, double CallsPerSecond, long Failures, TimeSpan LatencyP50, TimeSpan LatencyP99);

/// <summary>The queue of one grain.</summary>
/// <param name="GrainId">The grain.</param>
/// <param name="Waiting">Calls that have not begun.</param>
/// <param name="Running">Calls that have.</param>
public sealed record GrainQueueStatistics(GrainId GrainId, int Waiting, int Running);

/// <summary>One reminder.</summary>
/// <param name="GrainId">The grain.</param>
/// <param name="Name">Unique within the grain.</param>
/// <param name="StartAt">When the first tick was due, UTC.</param>
/// <param name="Period">Between ticks.</param>
public sealed record ReminderStatistics(GrainId GrainId, string Name, DateTimeOffset StartAt, TimeSpan Period);

/// <summary>The writer of the database.</summary>
/// <param name="Writes">How many writes were answered.</param>
/// <param name="FailedWrites">How many of them with an exception.</param>
/// <param name="Commits">How many transactions held them: each is one fsync of the write-ahead log, checkpoints not counted.</param>
/// <param name="LatencyP50">From asking to the answer; upper bound, at most 25 % above the true value.</param>
/// <param name="LatencyP99">From asking to the answer; upper bound, at most 25 % above the true value.</param>
public sealed record StorageStatistics(long Writes, long FailedWrites, long Commits, TimeSpan LatencyP50, TimeSpan LatencyP99);
