using Orchestrator.EmbeddedSilo.CodeGeneration;

namespace Orchestrator.EmbeddedSilo.Calls;

/// <summary>
/// Carries a caller's cancellation into the grain. The caller gets its <see cref="OperationCanceledException"/> at once; the grain's token is
/// cancelled in a turn of the grain, so that what the grain registered on it runs like any other code of the grain.
/// </summary>
internal sealed class CallCancellation(GrainCall call, CancellationToken callerToken) : CancellationTokenSource
{
    private CancellationTokenRegistration _registration;

    public void Watch() => _registration = callerToken.UnsafeRegister(static self => ((CallCancellation)self!).OnCallerCancelled(), this);

    public void Unwatch() => _registration.Unregister();

    private void OnCallerCancelled()
    {
        if (!call.TryFail(new OperationCanceledException($"The caller cancelled its call of {call.Method}.", callerToken))) return;
        call.Target?.Post(Cancel);
    }
}
