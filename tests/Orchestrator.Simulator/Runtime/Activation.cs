using Orleans;
using Orleans.Runtime;
using Orleans.Storage;

namespace Orchestrator.Simulator.Runtime;

/// <summary>A call on its way.</summary>
/// <param name="Label">Names it in schedules.</param>
/// <param name="Begin">Its first turn.</param>
/// <param name="Answer">Who waits for it; null: nobody.</param>
/// <param name="IsLocal">A tick of a timer: it ends with its activation.</param>
internal sealed record Call(string Label, Func<object, Task> Begin, Completion? Answer, bool IsLocal = false)
{
    /// <summary>The method's name; null for a tick.</summary>
    public string? Method { get; init; }
}

/// <summary>
/// One grain in memory. As Orchestrator.EmbeddedSilo/Activations/Activation.cs: one call at a time; who asks for its end serves the running call, and the others go to the next one
/// (<c>LeaveAsync</c>); one that cannot be activated fails those who wait.
/// </summary>
internal sealed class Activation(SimulatedSilo silo, GrainClass grainClass, string key)
{
    [ThreadStatic]
    private static Activation? _creating;

    private readonly Queue<Call> _waiting = new();
    private readonly List<SimulatedTimer> _timers = [];
    private Grain? _grain;
    private Call? _running;
    private Stage _stage = Stage.Loading;
    private bool _mustGo;
    private bool _isPumping;

    private enum Stage
    {
        Loading,
        Active,
        Gone,
    }

    /// <summary>The one whose grain is being constructed on this thread.</summary>
    public static Activation? Creating => _creating;

    public SimulatedSilo Silo => silo;

    public string Key => key;

    public string Name { get; } = grainClass.NameOf(key);

    public List<SimulatedState> States { get; } = [];

    /// <summary>Whether it does not want to be collected.</summary>
    public bool IsKept { get; set; } = grainClass.IsKeptAlive;

    public bool IsIdle => _stage == Stage.Active && _running is null && _waiting.Count == 0;

    /// <summary>What nobody notices, as it is in memory only.</summary>
    public Grain? Grain => _grain;

    /// <summary>Reads the states and makes the grain, which is one thing that is under way.</summary>
    public void Load() => silo.World.Agenda.Add(new(ItemKind.Read, $"load {Name}", (fate, _) => Loaded(fate)));

    public void Enqueue(Call call)
    {
        _waiting.Enqueue(call);
        Pump();
    }

    public void DeactivateOnIdle()
    {
        _mustGo = true;
        Pump();
    }

    public IGrainTimer StartTimer(Func<CancellationToken, Task> callback, GrainTimerCreationOptions options)
    {
        var timer = new SimulatedTimer(this, callback);
        _timers.Add(timer);
        timer.Change(options.DueTime, options.Period);
        return timer;
    }

    public void Remove(SimulatedTimer timer) => _timers.Remove(timer);

    private void Loaded(Fate fate)
    {
        if (fate == Fate.Failed)
        {
            Leave(new OrleansException("The storage cannot be read."));
            return;
        }

        _creating = this;
        try
        {
            _grain = grainClass.Create(this);
        }
        finally
        {
            _creating = null;
        }

        foreach (var state in States) state.Load();
        var activated = _grain.OnActivateAsync(CancellationToken.None);
        if (activated.IsCompleted) Activated(activated);
        else activated.GetAwaiter().UnsafeOnCompleted(() => Activated(activated));
    }

    private void Activated(Task activated)
    {
        if (!activated.IsCompletedSuccessfully)
        {
            Leave(activated.Exception?.InnerException ?? new OperationCanceledException());
            return;
        }

        // One that is already asked to go serves a call first.
        _stage = Stage.Active;
        if (_mustGo && _waiting.Count > 0) Begin(_waiting.Dequeue());
        Pump();
    }

    private void Pump()
    {
        if (_isPumping) return;
        _isPumping = true;
        while (_stage == Stage.Active && _running is null)
        {
            if (_mustGo) Leave(null);
            else if (_waiting.TryDequeue(out var call)) Begin(call);
            else break;
        }

        _isPumping = false;
    }

    private void Begin(Call call)
    {
        _running = call;
        if (call.Method is { } method) silo.World.Received(grainClass, key, method);
        Task ended;
        try
        {
            ended = call.Begin(_grain!);
        }
        catch (Exception exception)
        {
            ended = Task.FromException(exception);
        }

        if (ended.IsCompleted) End(call, ended);
        else ended.GetAwaiter().UnsafeOnCompleted(() => End(call, ended));
    }

    private void End(Call call, Task ended)
    {
        _running = null;
        var exception = ended.Exception?.InnerException;
        if (exception is InconsistentStateException) _mustGo = true;
        if (exception is not null and not OrleansException and not TimeoutException) silo.World.Unexpected(call.Label, exception);
        silo.Answer(call, ended);
        Pump();
    }

    private void Leave(Exception? failure)
    {
        _stage = Stage.Gone;
        silo.Remove(this, grainClass);
        foreach (var timer in _timers.ToArray()) timer.Dispose();
        _ = _grain?.OnDeactivateAsync(default, CancellationToken.None);
        while (_waiting.TryDequeue(out var call))
        {
            if (call.IsLocal) continue;
            if (failure is null) silo.Deliver(grainClass, key, call);
            else silo.Answer(call, Task.FromException(failure));
        }
    }
}
