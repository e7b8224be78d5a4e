using System.Diagnostics;
using System.Diagnostics.Metrics;
using Orchestrator.EmbeddedSilo.CodeGeneration;
using Orleans.Runtime;

namespace Orchestrator.EmbeddedSilo.Statistics;

/// <summary>The statistics as instruments of <see cref="System.Diagnostics.Metrics"/>. Names are stable: they are listed in this folder's README.</summary>
internal sealed class SiloMetrics : IDisposable
{
    public const string MeterName = "Orchestrator.EmbeddedSilo";

    private readonly Meter _meter;

    public SiloMetrics(SiloStatistics statistics, IMeterFactory meters)
    {
        _meter = meters.Create(MeterName);
        _meter.CreateObservableUpDownCounter("silo.activations", () => PerType(type => type.Activations), "{activation}", "Grains in memory.");
        _meter.CreateObservableCounter("silo.calls", () => PerType(type => type.Calls), "{call}", "Grain calls that have ended.");
        _meter.CreateObservableCounter("silo.call.failures", () => PerType(type => type.Failures), "{call}", "Grain calls that ended with an exception.");
        _meter.CreateObservableGauge("silo.call.latency.p50", () => PerType(type => type.LatencyP50.TotalSeconds), "s", "Median latency of grain calls.");
        _meter.CreateObservableGauge("silo.call.latency.p99", () => PerType(type => type.LatencyP99.TotalSeconds), "s", "99th percentile of grain calls.");
        _meter.CreateObservableGauge("silo.queue.longest", () => statistics.ReadQueues(1) is [var longest] ? longest.Waiting : 0, "{call}", "Calls that wait in the longest queue.");
        _meter.CreateObservableUpDownCounter("silo.reminders", () => statistics.ReadReminders().Count, "{reminder}", "Reminders that are registered.");
        _meter.CreateObservableCounter("silo.storage.writes", () => statistics.ReadStorage()?.Writes ?? 0, "{write}", "Writes that were answered.");
        _meter.CreateObservableCounter("silo.storage.commits", () => statistics.ReadStorage()?.Commits ?? 0, "{commit}", "Transactions: one fsync each.");
        _meter.CreateObservableGauge(
            "silo.storage.latency.p99", () => statistics.ReadStorage()?.LatencyP99.TotalSeconds ?? 0, "s", "99th percentile from asking for a write to its answer.");

        IEnumerable<Measurement<T>> PerType<T>(Func<GrainTypeStatistics, T> value)
            where T : struct =>
            statistics.ReadGrainTypes().Select(type => new Measurement<T>(value(type), new KeyValuePair<string, object?>("grain.type", type.GrainType)));
    }

    public void Dispose() => _meter.Dispose();
}

/// <summary>Traces: one activity for each grain call, while somebody listens.</summary>
internal static class SiloActivities
{
    public static readonly ActivitySource Source = new(SiloMetrics.MeterName);

    public static Activity? Start(GrainCall call, GrainId grainId)
    {
        // The caller's activity came with the call's execution context, and is the parent.
        var activity = Source.StartActivity(call.Method.ToString(), ActivityKind.Internal);
        activity?.SetTag("grain.type", grainId.Type.ToString()).SetTag("grain.key", grainId.Key.ToString());
        return activity;
    }
}
