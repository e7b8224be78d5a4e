using Orchestrator.Interfaces.Callbacks;

namespace Orchestrator.Silo.Callbacks;

/// <summary>
/// Who waits for which origin. The first success at an origin that failed before shows that it answers again: then all who wait for it need not wait for their
/// schedule. Memory only: after a restart everything that is owed is tried anyway.
/// </summary>
internal sealed class CallbackOrigins(TimeProvider clock)
{
    /// <summary>Some failures are a task's own (a wrong secret): other tasks' successes do not have it tried more often than this.</summary>
    private static readonly TimeSpan WakeInterval = TimeSpan.FromMinutes(1);

    private readonly Lock _gate = new();
    private readonly Dictionary<string, Dictionary<string, DateTimeOffset?>> _waiting = new(StringComparer.Ordinal);

    /// <summary>Notes how a task's try at an origin went.</summary>
    /// <returns>The tasks to wake; usually none.</returns>
    public IReadOnlyList<string> Ended(string origin, string taskId, CallbackTry result)
    {
        lock (_gate)
        {
            if (result.IsFinal) return Forget(origin, taskId);
            return result.Status is >= 200 and < 300 ? Wake(origin, taskId) : Wait(origin, taskId);
        }
    }

    private string[] Wait(string origin, string taskId)
    {
        if (!_waiting.TryGetValue(origin, out var tasks)) _waiting[origin] = tasks = new(StringComparer.Ordinal);
        tasks.TryAdd(taskId, null);
        return [];
    }

    private string[] Forget(string origin, string taskId)
    {
        if (_waiting.TryGetValue(origin, out var tasks) && tasks.Remove(taskId) && tasks.Count == 0) _waiting.Remove(origin);
        return [];
    }

    private List<string> Wake(string origin, string taskId)
    {
        var woken = new List<string>();
        Forget(origin, taskId);
        if (!_waiting.TryGetValue(origin, out var tasks)) return woken;
        var now = clock.GetUtcNow();
        foreach (var (task, wokenAt) in tasks.ToList())
        {
            if ((now - wokenAt)?.Duration() < WakeInterval) continue;
            woken.Add(task);

            // Woken twice without a success: whoever still waits comes back by its next failure, whoever gave up is forgotten.
            if (wokenAt is null) tasks[task] = now;
            else tasks.Remove(task);
        }

        if (tasks.Count == 0) _waiting.Remove(origin);
        return woken;
    }
}
