using System.Diagnostics;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using Orchestrator.EmbeddedSilo.Statistics;
using Orchestrator.EmbeddedSilo.Tests.Calls;
using Orchestrator.Testing;

namespace Orchestrator.EmbeddedSilo.Tests.Statistics;

public sealed class SiloStatisticsTests
{
    [Fact]
    public async Task Calls_failures_and_activations_are_counted_by_grain_class()
    {
        await using var silo = await RunningSilo.StartAsync(_ => { });
        for (var i = 0; i < 10; i++) await silo.Grain<IGateGrain>($"counted-{i % 2}").Echo(i);
        await Assert.ThrowsAsync<InvalidOperationException>(() => silo.Grain<IGateGrain>("counted-0").Throw("no"));

        var gates = Read(silo).ReadGrainTypes().Single(type => type.GrainType == "gate");

        Assert.Equal((2, 11, 1), (gates.Activations, gates.Calls, gates.Failures));
        Assert.InRange(gates.LatencyP50, TimeSpan.FromTicks(1), gates.LatencyP99);
        Assert.InRange(gates.LatencyP99, gates.LatencyP50, TimeSpan.FromMinutes(1));
        Assert.Empty(Read(silo).ReadQueues());
        Assert.Null(Read(silo).ReadStorage());
        Assert.Empty(Read(silo).ReadReminders());
    }

    [Fact]
    public async Task The_rate_of_calls_is_that_of_the_last_seconds()
    {
        var clock = new ManualClock();
        await using var silo = await RunningSilo.StartAsync(_ => { }, clock);
        clock.Advance(TimeSpan.Zero);
        for (var second = 0; second < 5; second++)
        {
            for (var i = 0; i < 20; i++) await silo.Grain<IGateGrain>("rated").Echo(i);
            clock.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.Equal(20, Gates().CallsPerSecond, tolerance: 0.01);
        clock.Advance(TimeSpan.FromSeconds(60));
        Assert.Equal((0, 100), (Gates().CallsPerSecond, Gates().Calls));

        GrainTypeStatistics Gates() => Read(silo).ReadGrainTypes().Single(type => type.GrainType == "gate");
    }

    [Fact]
    public async Task The_longest_queues_come_first()
    {
        await using var silo = await RunningSilo.StartAsync(_ => { });
        var calls = new List<Task>();
        foreach (var (key, count) in new[] { ("short", 2), ("long", 4) })
        {
            for (var i = 0; i < count; i++) calls.Add(silo.Grain<IGateGrain>(key).Wait());
            await GateGrain.EnteredAsync(key);
        }

        var queues = Read(silo).ReadQueues();

        Assert.Equal([("long", 3, 1), ("short", 1, 1)], queues.Select(queue => (queue.GrainId.Key.ToString(), queue.Waiting, queue.Running)));
        Assert.Equal("long", Assert.Single(Read(silo).ReadQueues(limit: 1)).GrainId.Key.ToString());
        GateGrain.Open("long");
        GateGrain.Open("short");
        await Task.WhenAll(calls);
    }

    [Fact]
    public async Task Instruments_have_their_documented_names()
    {
        await using var silo = await RunningSilo.StartAsync(_ => { });
        await silo.Grain<IGateGrain>("metered").Echo(1);
        var seen = new Dictionary<string, double>(StringComparer.Ordinal);
        using var listener = new MeterListener();
        var meters = silo.Services.GetRequiredService<IMeterFactory>();
        listener.InstrumentPublished = (instrument, it) =>
        {
            if (ReferenceEquals(instrument.Meter.Scope, meters) && instrument.Meter.Name == "Orchestrator.EmbeddedSilo") it.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Note(instrument, value, tags));
        listener.SetMeasurementEventCallback<int>((instrument, value, tags, _) => Note(instrument, value, tags));
        listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Note(instrument, value, tags));
        listener.Start();
        listener.RecordObservableInstruments();

        Assert.Equal(
            [
                "silo.activations", "silo.call.failures", "silo.call.latency.p50", "silo.call.latency.p99", "silo.calls", "silo.queue.longest", "silo.reminders",
                "silo.storage.commits", "silo.storage.latency.p99", "silo.storage.writes",
            ],
            seen.Keys.Order(StringComparer.Ordinal));
        Assert.Equal((1, 1), (seen["silo.activations"], seen["silo.calls"]));

        void Note(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            if (tags.Length == 0 || "gate".Equals(tags[0].Value)) seen[instrument.Name] = value;
        }
    }

    [Fact]
    public async Task A_call_is_an_activity_whose_parent_is_the_callers()
    {
        await using var silo = await RunningSilo.StartAsync(_ => { });
        var ended = new List<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name is "Orchestrator.EmbeddedSilo" or "the caller",
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
            ActivityStopped = activity =>
            {
                if ("traced".Equals(activity.GetTagItem("grain.key"))) ended.Add(activity);
            },
        };
        ActivitySource.AddActivityListener(listener);
        using var source = new ActivitySource("the caller");
        using (var caller = source.StartActivity("request"))
        {
            await silo.Grain<IGateGrain>("traced").Echo(1);
            await Assert.ThrowsAsync<InvalidOperationException>(() => silo.Grain<IGateGrain>("traced").Throw("broken"));

            Assert.Equal(["IGateGrain.Echo", "IGateGrain.Throw"], ended.Select(activity => activity.OperationName));
            Assert.All(ended, activity => Assert.Equal(caller!.SpanId, activity.ParentSpanId));
            Assert.Equal((ActivityStatusCode.Error, "broken"), (ended[1].Status, ended[1].StatusDescription));
        }
    }

    [Fact]
    public void A_percentile_is_never_below_the_true_value_and_at_most_a_quarter_above()
    {
        var random = new Random(1);
        for (var round = 0; round < 1000; round++)
        {
            var value = (long)Math.Pow(2, random.NextDouble() * 50);
            var statistics = new GrainClassStatistics();
            statistics.Record(value, hasFailed: false);
            Assert.InRange(statistics.Percentiles(0.5)[0], value, (value * 1.25) + 1);
        }
    }

    private static SiloStatistics Read(RunningSilo silo) => silo.Services.GetRequiredService<SiloStatistics>();
}
