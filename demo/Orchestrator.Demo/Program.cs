using System.Globalization;
using System.Text.Json;
using Orchestrator.Demo;

// A dispatcher in small: see scripts/demo.sh, which starts it. Exit code 1: a task was not completed, or the service went away.
if (args is not [var serviceFile, var secretFile, var originFile, var repository])
{
    Console.Error.WriteLine("usage: Orchestrator.Demo <service.json> <file with the dispatch secret> <file to write the receiver's origin to> <owner/name>");
    return 2;
}

await using var receiver = await CallbackReceiver.StartAsync();
await File.WriteAllTextAsync(originFile, receiver.Origin);
var stopped = receiver.RunUntilStoppedAsync();
var shown = ShowMainJobAsync();
if (await Task.WhenAny(stopped, shown) == stopped) return 0;
if (!await shown) return 1;
await stopped;
return 0;

async Task<bool> ShowMainJobAsync()
{
    try
    {
        using var service = await ServiceClient.ConnectAsync(serviceFile, (await File.ReadAllTextAsync(secretFile)).Trim());
        Show.Step($"The service listens at {service.Url}; this demo receives callbacks at {receiver.Origin}.");
        var stamp = DateTimeOffset.FromUnixTimeSeconds(TimeProvider.System.GetUtcNow().ToUnixTimeSeconds()).ToString("yyyyMMdd-HHmmss", CultureInfo.InvariantCulture);
        string[] prompts = ["Write a welcome page\ndemo-pause: 2", "Describe the weather of tomorrow\ndemo-pause: 1"];
        var tasks = prompts.Select((prompt, i) => new DemoTask(service, receiver, $"demo-{stamp}-{i + 1}", prompt, repository)).ToList();
        foreach (var task in tasks) await task.SubmitAsync();
        await Task.WhenAll(tasks.Select(task => task.FollowAsync()));
        var areCompleted = true;
        foreach (var task in tasks) areCompleted &= await task.ShowResultAsync();
        if (areCompleted) ShowWhereToLook(service.Url, tasks[0].TaskId);
        return areCompleted;
    }
    catch (Exception exception) when (exception is HttpRequestException or IOException or JsonException or TimeoutException or InvalidOperationException)
    {
        Show.Step($"The demo cannot go on: {exception.Message}");
        return false;
    }
}

static void ShowWhereToLook(string url, string taskId)
{
    Show.Step("That was the main job, twice. The service goes on running; look around, then end it with Ctrl-C:");
    Show.Line("  curl", $"-s {url}/health");
    Show.Line("  curl", $"-s {url}/tasks/{taskId}");
    Show.Line("  curl", $"-s {url}/tasks/{taskId}/transcript");
}
