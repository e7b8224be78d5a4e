using System.Diagnostics;
using Orleans;
using Orleans.Configuration;
using Orleans.Hosting;

namespace Orchestrator.Benchmarks;

/// <summary>Grains that come into memory and go.</summary>
internal static class ActivationBenchmarks
{
    private static readonly string Text = new('x', 1024);

    public static async Task StoreAsync(IGrainFactory grains, int count) =>
        await Task.WhenAll(Enumerable.Range(0, count).Select(i => grains.GetGrain<INoteGrain>($"note-{i}").Write(Text)));

    /// <summary>In a silo that has just started, so that nothing is in memory.</summary>
    public static async Task<(double Seconds, double BytesEach)> ActivateAsync(IGrainFactory grains, int count)
    {
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var watch = Stopwatch.StartNew();
        await Parallel.ForAsync(0, count, new ParallelOptions { MaxDegreeOfParallelism = 16 }, async (i, _) => await grains.GetGrain<INoteGrain>($"note-{i}").Length());
        var seconds = watch.Elapsed.TotalSeconds;
        return (seconds, (GC.GetTotalMemory(forceFullCollection: true) - before) / (double)count);
    }

    public static void MeasureReferences(IGrainFactory grains, Report report)
    {
        const int Count = 1_000_000;
        var references = new IEchoGrain[Count];
        var keys = Enumerable.Range(0, Count).Select(i => i.ToString(System.Globalization.CultureInfo.InvariantCulture)).ToArray();
        var before = GC.GetTotalMemory(forceFullCollection: true);
        for (var i = 0; i < Count; i++) references[i] = grains.GetGrain<IEchoGrain>(keys[i]);
        var bytes = (GC.GetTotalMemory(forceFullCollection: true) - before) / (double)Count;
        GC.KeepAlive(references);
        report.Add("a million references: bytes each, activations made", $"{bytes:0} B, 0", "nothing until activated");
    }

    /// <summary>Lets many grains go idle, and watches how long another grain's calls take meanwhile.</summary>
    public static async Task MeasureCollectionAsync(Report report, string folder, int count)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Host.UseOrleans((_, silo) =>
        {
            BenchSilo.Configure(silo, Path.Combine(folder, "collection.db"));
            silo.Configure<GrainCollectionOptions>(options => (options.CollectionAge, options.CollectionQuantum) = (TimeSpan.FromSeconds(4), TimeSpan.FromSeconds(3)));
        });
        await using var app = builder.Build();
        app.Urls.Add("http://127.0.0.1:0");
        await app.StartAsync();
        var grains = app.Services.GetRequiredService<IGrainFactory>();
        await Parallel.ForAsync(0, count, new ParallelOptions { MaxDegreeOfParallelism = 16 }, async (i, _) => await grains.GetGrain<IEchoGrain>($"idle-{i}").Echo(i));
        GC.Collect();
        var pauses = GC.GetTotalPauseDuration();
        var other = grains.GetGrain<IEchoGrain>("other");
        var latencies = new List<double>();
        var until = Stopwatch.StartNew();
        while (until.Elapsed < TimeSpan.FromSeconds(11))
        {
            var watch = Stopwatch.GetTimestamp();
            await other.Echo(1);
            latencies.Add(Stopwatch.GetElapsedTime(watch).TotalMilliseconds);
            await Task.Delay(TimeSpan.FromMilliseconds(1), TimeProvider.System);
        }

        latencies.Sort();
        report.Add(
            $"{count} idle grains collected: another grain's call p99.9 / longest; GC pauses in all",
            $"{latencies[(int)(latencies.Count * 0.999)]:0.0} / {latencies[^1]:0.0} ms; {(GC.GetTotalPauseDuration() - pauses).TotalMilliseconds:0} ms; {BenchSilo.Left(app.Services)} left",
            "≤ 50 ms");
        await app.StopAsync();
    }
}
