using System.Globalization;
using Orchestrator.Demo;

// A dispatcher in small: see scripts/demo.sh, which starts it.
if (args is not [var serviceFile, var secretFile, var originFile, var repository])
{
    Console.Error.WriteLine("usage: Orchestrator.Demo <service.json> <file with the dispatch secret> <file to write the receiver's origin to> <owner/name>");
    return 2;
}

await using var receiver = await CallbackReceiver.StartAsync();
await File.WriteAllTextAsync(originFile, receiver.Origin);
using var service = await ServiceClient.ConnectAsync(serviceFile, (await File.ReadAllTextAsync(secretFile)).Trim());
Show.Step($"The service listens at {service.Url}; this demo receives callbacks at {receiver.Origin}.");

var stamp = DateTimeOffset.FromUnixTimeSeconds(TimeProvider.System.GetUtcNow().ToUnixTimeSeconds()).ToString("yyyyMMdd-HHmmss", CultureInfo.InvariantCulture);
string[] prompts = ["Write a welcome page\ndemo-pause: 2", "Describe the weather of tomorrow\ndemo-pause: 1"];
var tasks = prompts.Select((prompt, i) => new DemoTask(service, receiver, $"demo-{stamp}-{i + 1}", prompt, repository)).ToList();
foreach (var task in tasks) await task.SubmitAsync();
await Task.WhenAll(tasks.Select(task => task.FollowAsync()));
foreach (var task in tasks) await task.ShowResultAsync();

Show.Step("That was the main job, twice. The service goes on running; look around, then end it with Ctrl-C:");
Show.Line("  curl", $"-s {service.Url}/health");
Show.Line("  curl", $"-s {service.Url}/tasks/{tasks[0].TaskId}");
Show.Line("  curl", $"-s {service.Url}/tasks/{tasks[0].TaskId}/transcript");
await receiver.RunUntilStoppedAsync();
return 0;
