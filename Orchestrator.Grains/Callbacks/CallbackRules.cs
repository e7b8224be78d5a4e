using Orchestrator.Interfaces.Callbacks;

namespace Orchestrator.Grains.Callbacks;

/// <summary>When callbacks are tried, and when they are delivered or given up (contract: tries after 5 s, 15 s, 45 s, then every 5 min, up to 24 h, then dead letter).</summary>
internal static class CallbackRules
{
    /// <summary>A try whose end nobody reported is begun again after this; the transport ends every try after two minutes.</summary>
    public static readonly TimeSpan TryLostAfter = TimeSpan.FromMinutes(3);

    /// <summary>How long a callback is tried, from the start of its first try.</summary>
    public static readonly TimeSpan GivenUpAfter = TimeSpan.FromHours(24);

    /// <summary>The longest that a receiver can put us off.</summary>
    public static readonly TimeSpan RetryAfterMax = TimeSpan.FromHours(1);

    private const int TriesKept = 20;

    private static readonly TimeSpan[] Delays = [TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(15), TimeSpan.FromSeconds(45), TimeSpan.FromMinutes(5)];

    /// <summary>Adds a callback behind those that are there; one that is known changes nothing.</summary>
    public static CallbackGrainState Deliver(CallbackGrainState state, OwedCallback owed, DateTimeOffset now)
    {
        if (Find(state, owed.Id) is not null) return state;
        return WithFirstDue(state with { Callbacks = [.. state.Callbacks, new CallbackRecord { Owed = owed }] }, now);
    }

    /// <summary>Notes how a try went. An unknown callback and a settled one change nothing; an end that comes late counts.</summary>
    public static CallbackGrainState End(CallbackGrainState state, string callbackId, CallbackTry result, DateTimeOffset now)
    {
        var record = Find(state, callbackId);
        if (record is not { State: CallbackState.Owed }) return state;
        var next = Judge(
            record with
            {
                Tries = [.. record.Tries.TakeLast(TriesKept - 1), result],
                TryCount = record.TryCount + 1,
                FirstTryAt = record.FirstTryAt ?? result.At,
            },
            result, now);
        return WithFirstDue(state with { Callbacks = [.. state.Callbacks.Select(other => ReferenceEquals(other, record) ? next : other)] }, now);
    }

    /// <summary>The only one that may be tried now: the first that is owed. Null when nothing is.</summary>
    public static CallbackRecord? FirstOwed(CallbackGrainState state) => state.Callbacks.FirstOrDefault(record => record.State == CallbackState.Owed);

    /// <summary>The callback of that id, or null.</summary>
    public static CallbackRecord? Find(CallbackGrainState state, string callbackId) =>
        state.Callbacks.FirstOrDefault(record => record.Owed.Id == callbackId);

    /// <summary>How long until the next try; zero when it is due. A wait beyond the longest there is shows that the clock was set back: then it is due too.</summary>
    public static TimeSpan WaitUntilDue(CallbackRecord record, DateTimeOffset now)
    {
        var wait = record.NextTryAt - now ?? TimeSpan.Zero;
        return wait <= TimeSpan.Zero || wait > RetryAfterMax ? TimeSpan.Zero : wait;
    }

    /// <summary>The callback as it is shown.</summary>
    public static CallbackSnapshot Show(CallbackRecord record) => new(record.Owed.Id, record.Owed.Kind, record.State, record.Tries, record.NextTryAt);

    private static CallbackRecord Judge(CallbackRecord record, CallbackTry result, DateTimeOffset now)
    {
        if (result is { IsFinal: false, Status: >= 200 and < 300 })
            return record with { State = CallbackState.Delivered, NextTryAt = null, Owed = record.Owed with { Body = "", Secret = "" } };
        if (result.IsFinal || !IsWorthAnotherTry(result.Status)) return Dead(record);
        var nextTryAt = now + Delay(record.TryCount, result.RetryAfterSeconds);
        return nextTryAt > record.FirstTryAt + GivenUpAfter ? Dead(record) : record with { NextTryAt = nextTryAt };
    }

    private static CallbackRecord Dead(CallbackRecord record) => record with { State = CallbackState.Dead, NextTryAt = null };

    private static bool IsWorthAnotherTry(int? status) => status is null or 401 or 404 or 408 or 425 or 429 or < 400 or >= 500;

    /// <summary>What the receiver asks for can only lengthen the wait: a short one, always repeated, would make a thousand tries.</summary>
    private static TimeSpan Delay(int tryCount, int? retryAfterSeconds)
    {
        var delay = Delays[Math.Min(tryCount, Delays.Length) - 1];
        var asked = TimeSpan.FromSeconds(Math.Clamp(retryAfterSeconds ?? 0, 0, RetryAfterMax.TotalSeconds));
        return asked > delay ? asked : delay;
    }

    /// <summary>The first that is owed has a time; those behind it wait for it.</summary>
    private static CallbackGrainState WithFirstDue(CallbackGrainState state, DateTimeOffset now)
    {
        if (FirstOwed(state) is not { NextTryAt: null } first) return state;
        return state with { Callbacks = [.. state.Callbacks.Select(record => ReferenceEquals(record, first) ? first with { NextTryAt = now } : record)] };
    }
}
