using System.Diagnostics;
using System.Text.Json;
using Orchestrator.Contracts.AgentTasks;

namespace Orchestrator.Demo;

/// <summary>One task on its way.</summary>
internal sealed class DemoTask(ServiceClient service, CallbackReceiver receiver, string taskId, string prompt, string repository)
{
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(5);

    private JsonElement _last;
    private int _timelineShown;

    public string TaskId => taskId;

    private string Name => $"[{taskId}]";

    public async Task SubmitAsync()
    {
        var request = new TaskRequest
        {
            TaskId = taskId,
            WorkerType = "script",
            Prompt = prompt,
            Repository = repository,
            WebhookUrl = $"{receiver.Origin}/tasks/{taskId}/task-complete",
            WebhookSecret = CallbackReceiver.Secret,
        };
        Show.Line(Name, "POST /tasks → " + await service.SubmitAsync(JsonSerializer.Serialize(request, TaskRequestJsonContext.Default.TaskRequest)));
    }

    /// <summary>Shows what happens to the task until its callback has come.</summary>
    public async Task FollowAsync()
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(150));
        var startedAt = TimeProvider.System.GetTimestamp();
        var transcript = FollowTranscriptAsync();
        while (!receiver.WaitAsync(taskId).IsCompleted)
        {
            await LookAsync();
            if (TimeProvider.System.GetElapsedTime(startedAt) > Longest) throw new TimeoutException($"{taskId} has sent no callback within {Longest.TotalMinutes} min.");
            await timer.WaitForNextTickAsync();
        }

        await transcript;
        await LookAsync();
    }

    /// <summary>Shows the callback, and the commit when there is one.</summary>
    /// <returns>Whether the task was completed.</returns>
    public async Task<bool> ShowResultAsync()
    {
        var callback = await receiver.WaitAsync(taskId);
        Show.Step($"{taskId}: the callback, both signatures checked");
        Show.Block(callback.Headers);
        Show.Block(callback.Body);
        if (Text("status") is var status && status != "completed")
        {
            Show.Step($"{taskId} was not completed: it is {status}.");
            if (_last.TryGetProperty("error", out var error) && error.ValueKind == JsonValueKind.Object)
                Show.Block($"{error.GetProperty("code").GetString()}: {error.GetProperty("message").GetString()}");
            return false;
        }

        if (Text("worktreePath") is not { } worktree || !Directory.Exists(worktree))
        {
            Show.Step($"{taskId}: the worktree is not there any more; the commit is on branch {Text("branch")} of the mirror.");
            return true;
        }

        Show.Step($"{taskId}: the commit on branch {Text("branch")}, in {worktree}");
        Show.Block(await GitAsync(worktree, "show", "--stat", "--patch", "--format=commit %h by %an%n%n    %s%n", "HEAD"));
        return true;
    }

    /// <summary>A member of the task as it was seen last; null when it has not come.</summary>
    private string? Text(string name) =>
        _last.ValueKind == JsonValueKind.Object && _last.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private async Task LookAsync()
    {
        if (await service.GetJsonAsync($"/tasks/{taskId}") is not { } task) return;
        _last = task;
        foreach (var entry in task.GetProperty("timeline").EnumerateArray().Skip(_timelineShown))
        {
            _timelineShown++;
            var detail = entry.TryGetProperty("detail", out var text) && text.ValueKind == JsonValueKind.String ? $": {text.GetString()}" : "";
            Show.Line(Name, $"{entry.GetProperty("at").GetString()} {entry.GetProperty("event").GetString()}{detail}");
            if (entry.GetProperty("event").GetString() == "agent_started") Show.Line(Name, $"watch it in another terminal: {task.GetProperty("attach").GetString()}");
        }
    }

    private async Task FollowTranscriptAsync()
    {
        await foreach (var line in service.FollowTranscriptAsync(taskId))
            if (line.Length > 0) Show.Line($"{Name} │", line);
    }

    private static async Task<string> GitAsync(string folder, params string[] arguments)
    {
        var start = new ProcessStartInfo("git") { RedirectStandardOutput = true, WorkingDirectory = folder };
        foreach (var argument in (string[])["--no-pager", .. arguments]) start.ArgumentList.Add(argument);
        using var git = Process.Start(start)!;
        var output = await git.StandardOutput.ReadToEndAsync();
        await git.WaitForExitAsync();
        return output;
    }
}
