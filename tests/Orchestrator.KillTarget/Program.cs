using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Orchestrator.EmbeddedSilo.Storage;
using Orchestrator.KillTarget;
using Orleans;
using Orleans.Runtime;

// run <database> <grains> <n>: writes until it is killed, or at its n-th acknowledgement kills itself. verify <database> <grains>: says what is stored, and lets all reminders tick once.
// lock <database>: holds the database's lock. fill <database> <grains>: writes until a write fails, deletes the file "ballast" beside the database and
// writes again. Each waits for a line on its input before it opens the database, so that it can be started while its
// predecessor still runs, and verify and lock end at the next line.
var (mode, path, grainCount) = (args[0], args[1], args.Length > 2 ? int.Parse(args[2]) : 0);
var selfKill = new SelfKill(args.Length > 3 ? int.Parse(args[3]) : 0);
var period = TimeSpan.FromHours(1);
var clock = new JumpClock();
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
if (mode == "lock")
{
    using var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Pooling = false }.ToString());
    connection.Open();
    using var transaction = connection.BeginTransaction();
    output.Write("locked");
    await Console.In.ReadLineAsync();
    return;
}

try
{
    await host.StartAsync();
}
catch (OrleansConfigurationException exception)
{
    output.Write($"refused {exception.Message}");
    return;
}

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
else if (mode == "fill")
{
    var ballast = Path.Combine(Path.GetDirectoryName(path)!, "ballast");
    await File.WriteAllBytesAsync(ballast, new byte[2_000_000]);
    try
    {
        for (var i = 0; ; i++) await grains[i % grains.Count].Grain.Increment();
    }
    catch (OrleansException exception)
    {
        output.Write($"failed {exception.Message}");
    }

    File.Delete(ballast);
    foreach (var (name, grain) in grains) output.Write($"ack {name} {(await grain.Increment()).Counter > 1}");
    await host.StopAsync();
    output.Write("stopped");
}
else
{
    // Each reminder is due in the next period, wherever in it the silo has started.
    clock.Jump(period);
    await Console.In.ReadLineAsync();
    await host.StopAsync();
}

async Task WriteForeverAsync(string name, ICounterGrain grain)
{
    while (true)
    {
        var value = await grain.Increment();
        output.Write($"ack {name} {value.Counter} {value.Etag}");
        selfKill.Acknowledged();
        if (value.Counter % 10 != 0) continue;
        var reminder = $"r{value.Counter / 10 % 25}";
        await grain.Remind(reminder, period);
        output.Write($"reminder {name} {reminder}");
    }
}
