using Orchestrator.EmbeddedSilo.Activations;
using Orchestrator.EmbeddedSilo.Calls;
using Orleans.Serialization.Invocation;

namespace Orchestrator.EmbeddedSilo.CodeGeneration;

/// <summary>
/// One call of a grain on its way: arguments, place in a queue, and answer. It is itself the <see cref="Task"/> in which the call's first turn
/// runs, because code inside a turn must find the activation as <see cref="TaskScheduler.Current"/>, and only a running task can provide that:
/// so a call needs two objects, this one and the caller's task.
/// </summary>
public abstract class GrainCall : Task, IInvokable
{
    private static readonly Action FirstTurn = static () => Activation.Current!.BeginStartingCall();

    private readonly GrainMethod _method;
    private CallCancellation? _cancellation;
    private int _isAnswered;

    /// <summary>For generated code.</summary>
    protected GrainCall(GrainMethod method)
        : base(FirstTurn) => _method = method;

    internal GrainMethod Method => _method;

    internal GrainCall? Next { get; set; }

    internal GrainCall? Previous { get; set; }

    /// <summary>How this call, while it runs, keeps others from starting.</summary>
    internal CallHold Hold { get; set; }

    /// <summary>When it was first put in a queue, as <see cref="TimeProvider.GetTimestamp"/>.</summary>
    internal long SentAt { get; set; }

    /// <summary>The activation that sent it; null when a caller outside the grains did.</summary>
    internal Activation? Sender { get; set; }

    /// <summary>The activation that has it in its queue or runs it.</summary>
    internal Activation? Target { get; set; }

    /// <summary>The call chain that it belongs to; empty when nobody on the way allowed to be re-entered.</summary>
    internal Guid ReentrancyId { get; set; }

    internal bool IsAnswered => Volatile.Read(ref _isAnswered) != 0;

    /// <summary>Whether somebody waits for the answer, so that the wait can end early.</summary>
    internal virtual bool HasResponseTimeout => !_method.Options.HasFlag(GrainMethodOptions.OneWay);

    internal virtual bool AlwaysInterleaves => _method.Options.HasFlag(GrainMethodOptions.AlwaysInterleave);

    internal bool IsReadOnly => _method.Options.HasFlag(GrainMethodOptions.ReadOnly);

    /// <summary>Whether it might start while another call of the grain runs.</summary>
    internal bool MayInterleave => AlwaysInterleaves || IsReadOnly || ReentrancyId != Guid.Empty;

    /// <summary>Whether it keeps its activation from being collected. Not so for the ticks of most timers.</summary>
    internal virtual bool KeepsAlive => true;

    /// <summary>Whether it is meant for this very activation, and lost with it.</summary>
    internal virtual bool IsLocal => false;

    /// <summary>What a local call is answered with when its activation went before it began; null when nobody waits.</summary>
    internal virtual Exception? Loss() => null;

    /// <summary>Whether its activation stays until it has ended.</summary>
    internal virtual bool DelaysDeactivation => true;

    /// <inheritdoc />
    public virtual int GetArgumentCount() => 0;

    /// <inheritdoc />
    public virtual object? GetArgument(int index) => throw new ArgumentOutOfRangeException(nameof(index));

    /// <inheritdoc />
    public string GetMethodName() => _method.Name;

    /// <inheritdoc />
    public string GetInterfaceName() => _method.InterfaceType.FullName!;

    /// <inheritdoc />
    public System.Reflection.MethodInfo GetMethod() => _method.Info;

    /// <inheritdoc />
    public Type GetInterfaceType() => _method.InterfaceType;

    /// <summary>For generated code: makes the token that the grain gets from the one that its caller passed.</summary>
    protected CancellationToken CancelWith(CancellationToken callerToken)
    {
        if (!callerToken.CanBeCanceled) return callerToken;
        _cancellation = new CallCancellation(this, callerToken);
        return _cancellation.Token;
    }

    /// <summary>Starts to watch the caller's token; from here on the call may be answered at any time.</summary>
    internal void WatchCancellation() => _cancellation?.Watch();

    /// <summary>Runs the call's first turn; what it ends with is reported to <see cref="Activation.Complete"/>.</summary>
    internal abstract void Begin(Activation activation);

    /// <summary>Gives the caller an exception, if it has no answer yet. Its continuation does not run on this thread.</summary>
    internal bool TryFail(Exception exception)
    {
        if (!TryTakeAnswer()) return false;
        ThreadPool.UnsafeQueueUserWorkItem(static both => both.call.SetException(both.exception), (call: this, exception), preferLocal: false);
        return true;
    }

    /// <summary>True for the one who may answer.</summary>
    private protected bool TryTakeAnswer()
    {
        if (Interlocked.Exchange(ref _isAnswered, 1) != 0) return false;
        _cancellation?.Unwatch();
        return true;
    }

    private protected abstract void SetException(Exception exception);
}
