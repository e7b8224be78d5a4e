using Orchestrator.Benchmarks;
using Orchestrator.Benchmarks.Service;
using Orleans;

// Figures of the silo and of the service: scripts/bench.sh. Nothing here is asserted; docs/benchmarks.md keeps what was seen.
if (args is ["serve", var path])
{
    await WebHostBenchmark.ServeAsync(path);
    return 0;
}

if (args is not ["silo" or "dispatch" or "submit" or "queue", ..])
{
    Console.Error.WriteLine("usage: silo [rounds] [part: web|calls|storage|activation|collection] | dispatch [rounds] | submit [rounds] | queue [rounds]");
    return 2;
}

var rounds = args.Length > 1 ? int.Parse(args[1], System.Globalization.CultureInfo.InvariantCulture) : 5;
var part = args.Length > 2 ? args[2] : null;
var folder = Directory.CreateTempSubdirectory("silo-bench-").FullName;
var report = new Report();
try
{
    Console.Error.WriteLine($"{BenchSilo.Runtime}, {rounds} rounds after one to warm up; {Load.Average}");
    if (args[0] == "dispatch") await DispatchBenchmark.RunAsync(report, rounds);
    if (args[0] == "submit") await SubmitBenchmark.RunAsync(report, rounds);
    if (args[0] == "queue") await QueueBenchmark.RunAsync(report, rounds);
    if (args[0] == "silo") await MeasureSiloAsync();
    report.Print();
    return 0;
}
finally
{
    Directory.Delete(folder, recursive: true);
}

async Task MeasureSiloAsync()
{
    if (part is null or "web") await WebHostBenchmark.RunAsync(report, rounds, folder);
    if (part is null or "calls") await WithSiloAsync("calls.db", grains => CallBenchmarks.RunAsync(grains, report, rounds));
    if (part is null or "storage") await WithSiloAsync("storage.db", grains => StorageBenchmarks.RunAsync(grains, report, rounds, folder));
    if (part is null or "activation") await MeasureActivationAsync();
    if (part is null or "collection") await ActivationBenchmarks.MeasureCollectionAsync(report, folder, 100_000);
}

async Task WithSiloAsync(string database, Func<IGrainFactory, Task> work)
{
    var builder = Host.CreateEmptyApplicationBuilder(null);
    builder.UseOrleans(silo => BenchSilo.Configure(silo, Path.Combine(folder, database)));
    using var host = builder.Build();
    await host.StartAsync();
    await work(host.Services.GetRequiredService<IGrainFactory>());
    await host.StopAsync();
}

async Task MeasureActivationAsync()
{
    const int Count = 10_000;
    await WithSiloAsync("activation.db", grains => ActivationBenchmarks.StoreAsync(grains, Count));
    var bytes = new List<double>();
    var time = await Measurement.OfAsync(rounds, async () =>
    {
        var seconds = 0.0;
        await WithSiloAsync("activation.db", async grains =>
        {
            (seconds, var bytesEach) = await ActivationBenchmarks.ActivateAsync(grains, Count);
            bytes.Add(bytesEach);
        });
        return seconds;
    });
    report.Add("activate 10,000 grains with 1 KB of state from SQLite", $"{time.Text("0.00")} s", "≤ 1 s (Orleans 3.12 s)");
    report.Add("memory per idle activation, its 1 KB state (2 KB as UTF-16) included", $"{new Measurement([.. bytes.Skip(1)]).Text("0")} B", "≤ 4096 B");
    await WithSiloAsync("references.db", grains =>
    {
        ActivationBenchmarks.MeasureReferences(grains, report);
        return Task.CompletedTask;
    });
}
