using Orleans;
using Orleans.Concurrency;

namespace Orchestrator.Interfaces.Callbacks;

/// <summary>Delivers what one task owes its dispatcher, in order; the key is the task id.</summary>
public interface ICallbackGrain : IGrainWithStringKey
{
    /// <summary>Takes over a callback: when this returns, its schedule is stored. Repeated ones of the same id are ignored. Settled ones are answered by <c>IAgentTaskGrain.CallbackSettled</c>.</summary>
    Task DeliverAsync(OwedCallback owed);

    /// <summary>All callbacks of the task, in order.</summary>
    Task<IReadOnlyList<CallbackSnapshot>> GetAsync();

    /// <summary>Tries the first one that is owed at once: its receiver answers again, or the service has started.</summary>
    [OneWay]
    Task Wake();

    /// <summary>A try has ended.</summary>
    [OneWay]
    Task TryEnded(string callbackId, CallbackTry result);
}

/// <summary>Where a callback stands. The numbers are stored and never reused.</summary>
public enum CallbackState
{
    /// <summary>Not delivered yet.</summary>
    Owed = 1,

    /// <summary>The receiver answered 2xx.</summary>
    Delivered = 2,

    /// <summary>Given up: a dead letter.</summary>
    Dead = 3,
}

/// <summary>A callback that a task owes.</summary>
/// <param name="Id"><c>&lt;taskId&gt;-r&lt;run&gt;-completed</c>: the same at every try.</param>
/// <param name="Kind"><c>completed</c>.</param>
/// <param name="Url">Where to.</param>
/// <param name="Body">The exact text that is signed and sent, as UTF-8.</param>
/// <param name="Secret">The task's webhook secret.</param>
/// <param name="TraceId">For <c>X-Trace-Id</c>; null: none.</param>
[GenerateSerializer, Immutable]
public sealed record OwedCallback(string Id, string Kind, string Url, string Body, string Secret, string? TraceId);

/// <summary>One HTTP request of a callback.</summary>
/// <param name="At">When it began, UTC.</param>
/// <param name="Status">The receiver's status code; null when there was no answer.</param>
/// <param name="Error">Why there was none, or why the answer does not count, for people; null on success.</param>
/// <param name="IsFinal">Whether trying again is pointless, whatever the status says (an address where callbacks may not go).</param>
/// <param name="RetryAfterSeconds">What the receiver asked for, at most an hour; null: nothing.</param>
[GenerateSerializer, Immutable]
public sealed record CallbackTry(DateTimeOffset At, int? Status, string? Error, bool IsFinal = false, int? RetryAfterSeconds = null);

/// <summary>A callback, as it is shown.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Kind"><c>completed</c>.</param>
/// <param name="State">Where it stands.</param>
/// <param name="Tries">The latest 20, oldest first.</param>
/// <param name="NextTryAt">UTC; null when none is due.</param>
[GenerateSerializer, Immutable]
public sealed record CallbackSnapshot(string Id, string Kind, CallbackState State, IReadOnlyList<CallbackTry> Tries, DateTimeOffset? NextTryAt);
