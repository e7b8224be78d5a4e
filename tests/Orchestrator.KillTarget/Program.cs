using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Orchestrator.EmbeddedSilo.Storage;
using Orchestrator.KillTarget;
using Orchestrator.Testing;
using Orleans;

// run <database> <grains> <cycle>: writes until it is killed. verify <database> <grains>: says what is stored, and lets all reminders tick once.
// Either waits for a line on its input before it opens the database, so that it can be started while its predecessor still runs.
var (mode, path, grainCount) = (args[0], args[1], int.Parse(args[2]));
var period = TimeSpan.FromHours(1);
var clock = new ManualClock(TimeProvider.System.GetUtcNow());
var output = new Output(new StreamWriter(Console.OpenStandardOutput()));
var builder = Host.CreateEmptyApplicationBuilder(new());
builder.Services.AddSingleton(output);
if (mode == "verify") builder.Services.AddSingleton<TimeProvider>(clock);
builder.UseOrleans(silo => silo.UseSqlite(options => options.Path = path).AddSqliteGrainStorage("Default").UseSqliteReminderService());
using var host = builder.Build();
var factory = host.Services.GetRequiredService<IGrainFactory>();
output.Write("waiting");
if (await Console.In.ReadLineAsync() is null) return;
output.Write("opening");
await host.StartAsync();
output.Write("started");
var grains = Enumerable.Range(0, grainCount).Select(i => (Name: $"g{i}", Grain: factory.GetGrain<ICounterGrain>($"g{i}"))).ToList();
foreach (var (name, grain) in grains)
{
    var value = await grain.Read();
    output.Write($"stored {name} {value.Counter} {value.Etag ?? "none"}");
}

if (mode == "run")
{
    await Task.WhenAll(grains.Select(entry => WriteForeverAsync(entry.Name, entry.Grain)));
}
else
{
    // Each reminder is due once in a period, wherever in it the silo has started.
    clock.Advance(period);
    await Console.In.ReadLineAsync();
    await host.StopAsync();
}

async Task WriteForeverAsync(string name, ICounterGrain grain)
{
    while (true)
    {
        var value = await grain.Increment();
        output.Write($"ack {name} {value.Counter} {value.Etag}");
        if (value.Counter % 10 != 0) continue;
        var reminder = $"r{value.Counter / 10 % 25}";
        await grain.Remind(reminder, period);
        output.Write($"reminder {name} {reminder}");
    }
}
