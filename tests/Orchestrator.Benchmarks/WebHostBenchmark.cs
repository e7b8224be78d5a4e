using System.Diagnostics;
using System.Globalization;
using Orleans;

namespace Orchestrator.Benchmarks;

/// <summary>An empty web host with a silo, in a process of its own: time from its start to the first answer, and its memory.</summary>
internal static class WebHostBenchmark
{
    public static async Task ServeAsync(string databasePath)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Host.UseOrleans((_, silo) => BenchSilo.Configure(silo, databasePath));
        var app = builder.Build();
        app.Urls.Add("http://127.0.0.1:0");
        app.MapGet("/", (IGrainFactory grains) => grains.GetGrain<IEchoGrain>("web").Echo(1));
        await app.StartAsync();
        Console.WriteLine(app.Urls.First());
        await Console.In.ReadLineAsync();
        await app.StopAsync();
    }

    public static async Task RunAsync(Report report, int rounds, string folder)
    {
        var memory = new List<double>();
        var round = 0;
        var time = await Measurement.OfAsync(rounds, async () =>
        {
            var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardInput = true, RedirectStandardOutput = true };
            start.ArgumentList.Add("serve");
            start.ArgumentList.Add(Path.Combine(folder, $"web-{round++}.db"));
            var watch = Stopwatch.StartNew();
            using var process = Process.Start(start)!;
            var url = await process.StandardOutput.ReadLineAsync() ?? throw new InvalidOperationException("The web host did not start.");
            using var client = new HttpClient();
            (await client.GetAsync(new Uri(url))).EnsureSuccessStatusCode();
            var elapsed = watch.Elapsed.TotalSeconds;
            await Task.Delay(TimeSpan.FromSeconds(1), TimeProvider.System);
            process.Refresh();
            memory.Add(process.WorkingSet64 / 1048576.0);
            await process.StandardInput.WriteLineAsync();
            await process.WaitForExitAsync();
            return elapsed;
        });
        report.Add("start of process to first HTTP 200 from a grain (SQLite)", $"{time.Text("0.00")} s", "≤ 0.6 s (Orleans 1.93 s)");
        report.Add("RSS of an empty web host, idle for 1 s", string.Create(CultureInfo.InvariantCulture, $"{new Measurement([.. memory.Skip(1)]).Text("0")} MiB"), "≤ 80 MiB (Orleans 113 MiB)");
    }
}
