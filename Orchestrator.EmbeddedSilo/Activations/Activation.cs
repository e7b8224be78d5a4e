using Orchestrator.EmbeddedSilo.Calls;
using Orchestrator.EmbeddedSilo.CodeGeneration;
using Orleans;
using Orleans.Runtime;
using Orleans.Storage;

namespace Orchestrator.EmbeddedSilo.Activations;

/// <summary>
/// One grain in memory: its queue of calls, and the scheduler that runs its turns one at a time. A turn is a piece of grain code between two
/// awaits; because the activation is the <see cref="TaskScheduler"/> of its turns, every continuation comes back here. This file has the
/// turns and the queue; <c>Activation.Lifecycle.cs</c> has how an activation begins and ends.
/// </summary>
internal sealed partial class Activation : TaskScheduler, IGrainContext, IThreadPoolWorkItem
{
    /// <summary>After so many turns the thread goes to others who wait for one.</summary>
    private const int TurnsPerQuantum = 64;

    [ThreadStatic]
    private static Activation? _current;

    private readonly Lock _gate = new();
    private Queue<Task>? _turns;
    private GrainCallList _waiting;
    private GrainCallList _running;
    private GrainCall? _starting;
    private List<Guid>? _reentrantSections;
    private int _waitingThatMayInterleave;
    private int _exclusive;
    private int _shared;
    private int _delaying;
    private bool _isScheduled;
    private Stage _stage;

    public Activation(SiloRuntime runtime, GrainClass grainClass, GrainId grainId)
    {
        (Runtime, Class, GrainId) = (runtime, grainClass, grainId);
        _lastUsedAt = runtime.Clock.GetTimestamp();
    }

    /// <summary>What an activation goes through, in this order; a failed one goes from <see cref="Activating"/> to <see cref="Gone"/>.</summary>
    private enum Stage : byte
    {
        Created,
        Activating,
        Active,
        Draining,
        Deactivating,
        Gone,
    }

    /// <summary>The activation whose turn runs on this thread; null outside of turns.</summary>
    public static new Activation? Current => _current;

    public override int MaximumConcurrencyLevel => 1;

    public SiloRuntime Runtime { get; }

    public GrainClass Class { get; }

    public GrainId GrainId { get; }

    /// <summary>The grain; null before its constructor has run and after the end.</summary>
    public object? Grain { get; private set; }

    /// <summary>How many calls wait and run, for statistics.</summary>
    public (int Waiting, int Running) QueueLength
    {
        get
        {
            lock (_gate) return (_waiting.Count, _running.Count);
        }
    }

    /// <summary>Puts a call at the end of the queue; false when the activation is gone and the call has to go to the next one.</summary>
    public bool TryEnqueue(GrainCall call)
    {
        bool mustSchedule;
        if (call.SentAt == 0) call.SentAt = Runtime.Clock.GetTimestamp();
        lock (_gate)
        {
            if (_stage == Stage.Gone) return false;
            call.Target = this;
            _waiting.AddLast(call);
            if (call.MayInterleave) _waitingThatMayInterleave++;
            mustSchedule = !_isScheduled && (_stage == Stage.Created || (_stage is Stage.Active or Stage.Draining && FindStartable() is not null));
            _isScheduled |= mustSchedule;
        }

        if (mustSchedule) Schedule();
        return true;
    }

    /// <summary>Runs an action as a turn, whatever else waits.</summary>
    public void Post(Action action) => new Task(action).Start(this);

    /// <summary>A call has ended, in a turn of this activation.</summary>
    public void Complete(GrainCall call, Exception? exception)
    {
        var now = Runtime.Clock.GetTimestamp();
        lock (_gate)
        {
            _running.Remove(call);
            if (call.DelaysDeactivation) _delaying--;
            if (call.Hold == CallHold.Exclusive) _exclusive--;
            else if (call.Hold == CallHold.Shared) _shared--;
            if (call.KeepsAlive) _lastUsedAt = now;
        }

        Class.Statistics.Record(now - call.SentAt, exception is not null);
        if (exception is not InconsistentStateException { HasDroppedActivation: false } conflict) return;
        conflict.HasDroppedActivation = true;
        Deactivate(new(DeactivationReasonCode.ApplicationError, exception, "The state in memory is not the stored one."));
    }

    /// <summary>Fails the calls that have waited for an answer for too long.</summary>
    public void FailOverdueCalls(long now)
    {
        if (_running.Count + _waiting.Count == 0) return; // Read without the lock: what comes now is not overdue.
        List<GrainCall>? overdue = null;
        GrainCall? blocking;
        lock (_gate)
        {
            blocking = FindBlocking();
            Collect(_running.First);
            Collect(_waiting.First);
        }

        if (overdue is null) return;
        foreach (var call in overdue)
        {
            var why = ReferenceEquals(call, blocking) || blocking is null
                ? "It still runs there."
                : $"The grain has been busy with {blocking.Method} for {Runtime.Clock.GetElapsedTime(blocking.SentAt, now).TotalSeconds:0.0} s.";
            call.TryFail(new TimeoutException($"No answer within {Runtime.ResponseTimeout} from {call.Method} of {GrainId}. {why}"));
        }

        void Collect(GrainCall? call)
        {
            for (; call is not null; call = call.Next)
            {
                if (call.HasResponseTimeout && !call.IsAnswered && Runtime.Clock.GetElapsedTime(call.SentAt, now) >= Runtime.ResponseTimeout)
                    (overdue ??= []).Add(call);
            }
        }
    }

    public void EnterReentrantSection(Guid id)
    {
        lock (_gate) (_reentrantSections ??= []).Add(id);
    }

    public void LeaveReentrantSection(Guid id)
    {
        lock (_gate) _reentrantSections?.Remove(id);
    }

    /// <exception cref="InvalidOperationException">The caller is not in a turn of this activation.</exception>
    public void CheckIsCurrent(string what)
    {
        if (_current != this) throw new InvalidOperationException($"{what} from inside the turns of {GrainId} only, not from a background thread.");
    }

    public bool Equals(IGrainContext? other) => ReferenceEquals(this, other);

    public override string ToString() => $"[{GrainId} {_stage}]";

    /// <summary>Runs turns on a pool thread until there are none or others shall have the thread.</summary>
    void IThreadPoolWorkItem.Execute()
    {
        _current = this;
        try
        {
            for (var i = 0; i < TurnsPerQuantum; i++)
            {
                var turn = NextTurn();
                if (turn is null) return;

                // The task of a call or of a stage has not been started; starting it hands it to QueueTask below, which runs it at once.
                if (turn.Status == TaskStatus.Created) turn.Start(this);
                else TryExecuteTask(turn);
            }
        }
        finally
        {
            _current = null;
        }

        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    /// <summary>The first turn of the call that <see cref="NextTurn"/> has just taken from the queue.</summary>
    internal void BeginStartingCall()
    {
        var call = _starting!;
        _starting = null;
        call.Begin(this);
    }

    protected override void QueueTask(Task task)
    {
        if (ReferenceEquals(task, _starting) || ReferenceEquals(task, _stageTask))
        {
            TryExecuteTask(task);
            return;
        }

        bool mustSchedule;
        lock (_gate)
        {
            (_turns ??= new(2)).Enqueue(task);
            mustSchedule = !_isScheduled;
            _isScheduled = true;
        }

        if (mustSchedule) Schedule();
    }

    protected override bool TryExecuteTaskInline(Task task, bool taskWasPreviouslyQueued) =>
        !taskWasPreviouslyQueued && _current == this && TryExecuteTask(task);

    protected override IEnumerable<Task> GetScheduledTasks()
    {
        lock (_gate) return _turns?.ToArray() ?? [];
    }

    /// <summary>The caller's own queue comes first: an idle thread may take it from there, or the caller's thread once the caller waits.</summary>
    private void Schedule() => ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: true);

    /// <summary>What runs next: turns of calls that have begun, then what the stage asks for, then a call that may begin.</summary>
    private Task? NextTurn()
    {
        lock (_gate)
        {
            if (_turns is not null && _turns.TryDequeue(out var turn)) return turn;
            if (_stage == Stage.Created) return EnterStage(Stage.Activating, ActivateAsync);
            if (_stage is Stage.Active or Stage.Draining && FindStartable() is { } call) return Start(call);
            if (_stage == Stage.Active && _drainsAfterNextCall) _stage = Stage.Draining; // Whoever waited has given up.
            if (_stage == Stage.Draining && _delaying == 0) return EnterStage(Stage.Deactivating, FinishDeactivationAsync);
            _isScheduled = false;
            return null;
        }
    }

    /// <summary>The first call in line that may begin now. Those that were answered while they waited are dropped on the way.</summary>
    private GrainCall? FindStartable()
    {
        GrainCall? next;
        for (var call = _waiting.First; call is not null; call = next)
        {
            // While an ordinary call runs, a long line need not be searched unless somebody in it could interleave.
            if (_exclusive > 0 && _waitingThatMayInterleave == 0 && !Class.MayInterleave) return null;
            next = call.Next;
            if (call.IsAnswered) RemoveWaiting(call);
            else if (MayStart(call)) return call;
        }

        return null;
    }

    private bool MayStart(GrainCall call)
    {
        if (_stage == Stage.Draining) return IsReentrant(call);
        if (_exclusive == 0 && (_shared == 0 || call.IsReadOnly)) return true;
        return Class.IsReentrant || call.AlwaysInterleaves || IsReentrant(call) || (Class.InterleavePredicate is not null && MayInterleave(call));
    }

    private bool IsReentrant(GrainCall call) =>
        call.ReentrancyId != Guid.Empty && _reentrantSections is not null && _reentrantSections.Contains(call.ReentrancyId);

    private bool MayInterleave(GrainCall call)
    {
        try
        {
            return Class.InterleavePredicate!(call) || (FindBlocking() is { } blocking && Class.InterleavePredicate(blocking));
        }
        catch (Exception exception)
        {
            // The predicate is the grain's own code: whoever called gets its exception, and the line goes on.
            RemoveWaiting(call);
            call.TryFail(exception);
            return false;
        }
    }

    private GrainCall? FindBlocking()
    {
        var call = _running.First;
        while (call is not null && call.Hold == CallHold.None) call = call.Next;
        return call;
    }

    private GrainCall Start(GrainCall call)
    {
        RemoveWaiting(call);
        _running.AddLast(call);
        if (call.DelaysDeactivation) _delaying++;
        call.Hold = Class.IsReentrant || call.AlwaysInterleaves || _exclusive > 0 ? CallHold.None : call.IsReadOnly ? CallHold.Shared : CallHold.Exclusive;
        if (call.Hold == CallHold.Exclusive) _exclusive++;
        else if (call.Hold == CallHold.Shared) _shared++;
        _starting = call;
        if (_drainsAfterNextCall) _stage = Stage.Draining;
        return call;
    }

    private void RemoveWaiting(GrainCall call)
    {
        _waiting.Remove(call);
        if (call.MayInterleave) _waitingThatMayInterleave--;
    }
}
