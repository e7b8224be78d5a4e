using Orleans;

namespace Orchestrator.Benchmarks;

/// <summary>Calls of grains that are in memory.</summary>
internal static class CallBenchmarks
{
    public static async Task RunAsync(IGrainFactory grains, Report report, int rounds)
    {
        var one = grains.GetGrain<IEchoGrain>("one");
        var many = Enumerable.Range(0, 1000).Select(i => grains.GetGrain<IEchoGrain>($"many-{i}")).ToArray();
        foreach (var grain in many) await grain.Echo(0);

        var single = await Measurement.OfAsync(rounds, () => Measurement.RateAsync(1, 400_000, (_, i) => one.Echo(i)));
        report.Add("calls/s, 1 grain, 1 caller", $"{single.Text("0", 1000)} k", "≥ 590 k (2 × Orleans' 295 k)");
        var wide = await Measurement.OfAsync(rounds, () => Measurement.RateAsync(16, 60_000, (caller, i) => many[((caller * 61) + i) % 1000].Echo(i)));
        report.Add("calls/s, 1000 grains, 16 callers", $"{wide.Text("0", 1000)} k", "≥ 891 k (3 × Orleans' 297 k)");
        var busy = await Measurement.OfAsync(rounds, () => Measurement.RateAsync(16, 30_000, (_, i) => one.Echo(i)));
        report.Add("calls/s, 1 grain, 16 callers", $"{busy.Text("0", 1000)} k", "–");
        var awaiting = await Measurement.OfAsync(rounds, () => Measurement.RateAsync(16, 30_000, (caller, i) => many[((caller * 61) + i) % 1000].EchoAfterYield(i)));
        report.Add("calls/s, 1000 grains, 16 callers, method awaits once", $"{awaiting.Text("0", 1000)} k", "–");

        var bytes = await Measurement.OfAsync(rounds, () => BytesPerCallAsync(one));
        report.Add("bytes allocated per call: two objects, the call and the task that its caller awaits", bytes.Text("0.0"), "2 allocations");
    }

    private static async Task<double> BytesPerCallAsync(IEchoGrain grain)
    {
        const int Calls = 200_000;
        var before = GC.GetTotalAllocatedBytes(precise: true);

        // Small results are cached tasks, so that the grain's own method allocates nothing.
        for (var i = 0; i < Calls; i++) await grain.Echo(1);
        return (GC.GetTotalAllocatedBytes(precise: true) - before) / (double)Calls;
    }
}
