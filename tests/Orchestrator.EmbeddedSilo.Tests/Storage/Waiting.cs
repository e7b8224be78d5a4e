namespace Orchestrator.EmbeddedSilo.Tests.Storage;

/// <summary>Waits that end: with what was waited for, or with a message.</summary>
internal static class Waiting
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    public static async Task<T> Within<T>(this Task<T> task, string what)
    {
        await Within((Task)task, what);
        return await task;
    }

    public static async Task Within(this Task task, string what)
    {
        if (await Task.WhenAny(task, Task.Delay(Limit, TimeProvider.System)) != task) throw new TimeoutException($"After {Limit.TotalSeconds} s: {what} (is {task.Status}).");
        await task;
    }
}
