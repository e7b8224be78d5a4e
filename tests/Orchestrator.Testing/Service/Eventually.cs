namespace Orchestrator.Testing.Service;

/// <summary>Waits for something in another process, which cannot tell us: looks again until it is so, or the time is over.</summary>
public static class Eventually
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(20);

    /// <summary>How long to wait for what takes a moment on a machine that has nothing else to do.</summary>
    public static TimeSpan Limit { get; } = TimeSpan.FromSeconds(90);

    /// <summary>Waits until it is so.</summary>
    public static Task IsTrueAsync(Func<bool> condition, string what, TimeSpan? limit = null) => IsTrueAsync(() => Task.FromResult(condition()), what, limit);

    /// <summary>Waits until it is so.</summary>
    public static async Task IsTrueAsync(Func<Task<bool>> condition, string what, TimeSpan? limit = null) =>
        await FoundAsync(async () => await condition() ? "yes" : null, () => Task.FromResult(what), limit);

    /// <summary>Waits until there is one.</summary>
    /// <param name="find">Null: not yet.</param>
    /// <param name="describe">What was waited for and what is there instead, for the failure's message.</param>
    /// <param name="limit">Null: <see cref="Limit"/>.</param>
    public static async Task<T> FoundAsync<T>(Func<Task<T?>> find, Func<Task<string>> describe, TimeSpan? limit = null)
        where T : class
    {
        var startedAt = TimeProvider.System.GetTimestamp();
        using var timer = new PeriodicTimer(Interval);
        while (true)
        {
            if (await find() is { } found) return found;
            if (TimeProvider.System.GetElapsedTime(startedAt) > (limit ?? Limit)) throw new TimeoutException($"Not within {(limit ?? Limit).TotalSeconds} s: {await describe()}");
            await timer.WaitForNextTickAsync();
        }
    }
}
