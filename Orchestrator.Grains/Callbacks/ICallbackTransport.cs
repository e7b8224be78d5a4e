using Orchestrator.Interfaces.Callbacks;

namespace Orchestrator.Grains.Callbacks;

/// <summary>Sends callbacks over HTTP.</summary>
public interface ICallbackTransport
{
    /// <summary>
    /// Begins one try and returns at once. Its end is reported by <c>ICallbackGrain.TryEnded</c> of that task, always: an address that is not allowed, no answer within
    /// 120 s, and a stop of the service included. A first success at an origin that failed before wakes every task that waits for that origin.
    /// </summary>
    void BeginTry(string taskId, OwedCallback callback);
}
