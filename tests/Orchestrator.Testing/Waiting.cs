namespace Orchestrator.Testing;

/// <summary>Waits that end: with what was waited for, or with a message.</summary>
public static class Waiting
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    public static async Task<T> Within<T>(this Task<T> task, string what, TimeSpan? limit = null)
    {
        await Within((Task)task, what, limit);
        return await task;
    }

    public static async Task Within(this Task task, string what, TimeSpan? limit = null)
    {
        var time = limit ?? Limit;
        if (await Task.WhenAny(task, Task.Delay(time, TimeProvider.System)) != task) throw new TimeoutException($"After {time.TotalSeconds} s: {what} (is {task.Status}).");
        await task;
    }
}
