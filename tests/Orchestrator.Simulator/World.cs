using Microsoft.Extensions.Options;
using Orchestrator.Grains.AgentTasks;
using Orchestrator.Grains.Callbacks;
using Orchestrator.Grains.Capacity;
using Orchestrator.Interfaces.AgentTasks;
using Orchestrator.Interfaces.Callbacks;
using Orchestrator.Interfaces.Capacity;
using Orchestrator.Simulator.Machines;
using Orchestrator.Simulator.Runtime;
using Orleans.Runtime;

namespace Orchestrator.Simulator;

/// <summary>A promise that was not kept.</summary>
/// <param name="Code">Such as <c>I3</c>.</param>
/// <param name="Text">What was seen.</param>
internal sealed record Violation(string Code, string Text);

/// <summary>
/// One service, its machine, its receiver and its clients, on one thread and a clock by hand. Whatever anyone does is under way until a schedule ends it; with the same scenario and the same decisions
/// it goes the same way.
/// </summary>
internal sealed class World : IAdmissionGate, IAgentAccounts, IMachineMemory
{
    private readonly Dictionary<Type, object> _options = [];
    private readonly Dictionary<string, TimeSpan> _held = new(StringComparer.Ordinal);
    private TimeSpan _heldTime;
    private TimeSpan _gateShutUntil;
    private TimeSpan _shortOfMemoryUntil;

    public World(Scenario scenario, Mutant mutant, Coverage coverage)
    {
        (Scenario, Coverage) = (scenario, coverage);
        Mutations = new(mutant, this);
        Invariants = new(this);
        Storage = new() { IsSerialized = scenario.IsSerialized, Changed = Stored };
        Catalog = new(this);
        Dependencies = new(this);
        Machine = new(this);
        Receiver = new(this);
        Clients = new(this);
        Set(new AgentTaskOptions { QueueTtl = scenario.QueueTtl, ResumeAfterLoss = scenario.ResumeAfterLoss, WorktreeKeep = scenario.WorktreeKeep });
        Set(new CapacityOptions { SlotsMax = scenario.Slots, QueueLimit = scenario.QueueLimit, RepositorySlotsMax = scenario.RepositorySlots });
        Silo = new(this);
        StartService();
    }

    public Scenario Scenario { get; }

    public Coverage Coverage { get; }

    public Mutations Mutations { get; }

    public Invariants Invariants { get; }

    public Alarms Clock { get; } = new();

    public Agenda Agenda { get; } = new();

    public SimulatedStorage Storage { get; }

    public SimulatedCatalog Catalog { get; }

    public SimulatedDependencies Dependencies { get; }

    public SimulatedMachine Machine { get; }

    public SimulatedReceiver Receiver { get; }

    public Clients Clients { get; }

    /// <summary>The reminders that are stored.</summary>
    public Dictionary<(Type Interface, string Key), StoredReminder> ReminderTable { get; } = [];

    /// <summary>The present life of the service.</summary>
    public SimulatedSilo Silo { get; private set; }

    /// <summary>The first one that was seen.</summary>
    public Violation? Violation { get; private set; }

    public AdmissionRefusal? Refusal => Clock.Elapsed < _gateShutUntil ? new("Shut", "For now.", 30) : null;

    /// <summary>How far the wall clock was set back, in all: so much longer a wait may take.</summary>
    public TimeSpan SetBack { get; private set; }

    /// <summary>Since when there is no trouble any more; null: there is.</summary>
    public TimeSpan? CalmSince { get; private set; }

    /// <summary>Too little for as long as the machine is short of it.</summary>
    public long? AvailableBytes => Clock.Elapsed < _shortOfMemoryUntil ? 1 : 1L << 40;

    public string AccountOf(string workerType) => workerType;

    public AgentTaskState? StateOf(string taskId) => Storage.Read<AgentTaskState>("agent-task", taskId);

    public object OptionsOf(Type type)
    {
        if (!_options.TryGetValue(type, out var options))
            _options.Add(type, options = Activator.CreateInstance(typeof(OptionsWrapper<>).MakeGenericType(type), Activator.CreateInstance(type))!);
        return options;
    }

    public object ServiceOf(Type type) =>
        type == typeof(TimeProvider) ? Clock
        : type == typeof(IAgentTaskCatalog) ? Catalog
        : type == typeof(ITaskDependencies) ? Dependencies
        : type == typeof(IAdmissionGate) || type == typeof(IAgentAccounts) || type == typeof(IMachineMemory) ? this
        : type == typeof(ICallbackTransport) ? Receiver
        : throw new NotSupportedException($"A grain asks for a {type}: the simulator needs a stand-in for it (World.ServiceOf).");

    /// <summary>Another number that follows from this one and the scenario.</summary>
    public int Mix(int number) => (int)(SeededNumbers.Scramble(((ulong)number << 20) + Scenario.Seed) & 0x7fffffff);

    public void Violate(string code, string text) => Violation ??= new(code, text);

    /// <summary>A grain fails as no storage, timeout or lost call has it fail.</summary>
    public void Unexpected(string label, Exception exception) => Violate("exception", $"{label}: {exception}");

    /// <summary>A grain gets a call.</summary>
    public void Received(GrainClass grainClass, string key, string method)
    {
        if (grainClass == GrainClass.AgentTask) Coverage.Received(StateOf(key)?.Phase, method);
    }

    /// <summary>Takes a step. False when it does not apply: what it names is not there.</summary>
    public bool Apply(Decision decision)
    {
        Coverage.Steps++;
        var (taskId, number) = ($"t{decision.Count}", decision.Number);
        switch (decision.Kind)
        {
            case DecisionKind.Go: return Go(decision.Count, number);
            case DecisionKind.Tick: return Clock.RingNext();
            case DecisionKind.Post: return Do(() => Clients.Post(Scenario.TaskOf(taskId), number));
            case DecisionKind.Pick: return Run(decision.Label!, Fate.Done, number);
            case DecisionKind.Fault: return Run(decision.Label!, decision.Fate, number);
            case DecisionKind.Delay: return Delay(decision.Label!, TimeSpan.FromSeconds(decision.Count));
            case DecisionKind.Wait: return Do(() => Clock.Pass(TimeSpan.FromSeconds(decision.Count)));
            case DecisionKind.Crash: return Do(() => Crash(number));
            case DecisionKind.Reboot: return Do(() => Reboot(number));
            case DecisionKind.Delete: return Do(() => Clients.Delete(taskId));
            case DecisionKind.Get: return Do(() => Clients.Get(taskId));
            case DecisionKind.AgentEnds: return With(Machine.AliveOf(taskId), session => Machine.EndAgent(session, number));
            case DecisionKind.KillHost: return With(Machine.AliveOf(taskId), Machine.KillHost);
            case DecisionKind.LoseTree: return With(Machine.TreeOf(taskId), _ => Machine.LoseTree(taskId));
            case DecisionKind.SetClock: return Do(() => SetWallClock(TimeSpan.FromMinutes(decision.Count)));
            case DecisionKind.ReceiverDown: return Do(() => Receiver.DownUntil = Clock.Elapsed + TimeSpan.FromMinutes(decision.Count));
            case DecisionKind.ShortOfMemory: return Do(() => _shortOfMemoryUntil = Clock.Elapsed + TimeSpan.FromMinutes(decision.Count));
            case DecisionKind.SetMode: return Do(() => Clients.SetMode((PoolMode)decision.Count));
            case DecisionKind.HoldAccount: return Do(() => HoldAccount(decision.Label!, TimeSpan.FromMinutes(decision.Count), number));
            case DecisionKind.Sweep: return Do(Clients.Sweep);
            case DecisionKind.Reprioritize: return Do(() => Clients.Reprioritize(taskId, (number % 201) - 100));
            case DecisionKind.Stall: return With(Machine.AliveOf(taskId), Machine.Stall);
            case DecisionKind.ReleaseWorktree: return Do(() => Clients.ReleaseWorktree(taskId));
            case DecisionKind.ShutGate: return Do(() => _gateShutUntil = Clock.Elapsed + TimeSpan.FromMinutes(decision.Count));
            default: return With(Silo.Activations.FirstOrDefault(activation => activation.Name == decision.Label && activation is { IsIdle: true, IsKept: false }), activation => activation.DeactivateOnIdle());
        }
    }

    /// <summary>Without any more trouble: until nothing is under way and nothing will come, which has to be soon; and after one more start of the service it is still so.</summary>
    public void CalmDown(int runsMax)
    {
        CalmDownOnce(runsMax);
        if (Violation is null) Invariants.Quiet();
        if (Violation is not null) return;
        Coverage.Crashes--;
        Crash(0);
        Clients.Sweep();
        CalmDownOnce(runsMax);
        if (Violation is null) Invariants.Quiet(isStartedAgain: true);
    }

    private void CalmDownOnce(int runsMax)
    {
        Receiver.DownUntil = _gateShutUntil = _shortOfMemoryUntil = default;
        Clients.SetMode(PoolMode.Open);
        var start = Clock.Elapsed;
        CalmSince ??= start;

        // Whoever asks for the health of the service has the pool recounted, too.
        _ = Silo.GetGrain<ICapacityGrain>(Pools.Default).GetAsync();
        var everyoneEnds = start + Scenario.QueueTtl + Scenario.TimeLimitMax + SetBack + Clients.HoldMax + TimeSpan.FromMinutes(10);
        var everyoneIsTold = everyoneEnds + CallbackRules.RetryAfterMax + TimeSpan.FromMinutes(10);
        var lastRun = Agenda.RunTotal + runsMax;
        for (var rounds = 0; Violation is null && rounds < 3;)
        {
            if (Agenda.RunTotal > lastRun) Violate("I8", $"after {runsMax} things without trouble there is no end: {string.Join(", ", Agenda.Items.Select(item => item.Label).Take(5))}; {Clock.Describe()}");
            else if (Agenda.Items.Count > 0) Agenda.Run(0, Fate.Done, Mix((int)Agenda.RunTotal));
            else if (Clock.Next(isEndlessToo: false) is null && ++rounds == 3) break;
            else Clock.RingNext();
            if (_held.Count > 0)
            {
                Invariants.HeldInCalm(_held.Keys);
                continue;
            }

            if (Clock.Elapsed > everyoneEnds + _heldTime) Invariants.Overdue(Clock.Elapsed - start);
            if (Clock.Elapsed > everyoneIsTold + _heldTime) Violate("I8", $"after {Clock.Elapsed - start} without trouble something is still to come: {Clock.Describe()}");
        }
    }

    private void HoldAccount(string account, TimeSpan time, int number)
    {
        if (number % 12 == 0) Clients.ReleaseAccount(account);
        else if (number % 3 == 0) Clients.HoldAccount(account, time);
        else Machine.Limit(account, time, isSaid: number % 3 == 1);
    }

    private bool Go(int count, int number)
    {
        if (Agenda.Items.Count == 0) return false;
        for (var i = 0; i < count && Agenda.Items.Count > 0 && Violation is null; i++) Agenda.Run(0, Fate.Done, Mix(number + i));
        return true;
    }

    private bool Run(string label, Fate fate, int number)
    {
        var index = Agenda.Find(label);
        if (index < 0) return false;
        if (fate != Fate.Done) Coverage.Losses++;
        Agenda.Run(index, fate, number);
        return true;
    }

    private bool Delay(string label, TimeSpan time)
    {
        var index = Agenda.Find(label);
        if (index < 0 || time.TotalSeconds > Agenda.Items[index].SecondsMax) return false;
        var item = Agenda.Take(index);
        Clock.Set($"late {label}", time, () => Agenda.Add(item), item.IsOutside);
        return true;
    }

    private static bool Do(Action action)
    {
        action();
        return true;
    }

    private static bool With<T>(T? what, Action<T> action)
        where T : class
    {
        if (what is not null) action(what);
        return what is not null;
    }

    private void Crash(int number)
    {
        Coverage.Crashes++;
        Agenda.Crash(number);
        Clock.Crash();
        Clients.Crash();
        Receiver.Crash();
        Machine.Crash();
        Silo = new(this);
        StartService();
    }

    private void Reboot(int number)
    {
        Machine.Reboot();
        Crash(number);
    }

    private void SetWallClock(TimeSpan by)
    {
        Clock.WallOffset += by;
        if (by < TimeSpan.Zero) SetBack -= by;
    }

    /// <summary>As Orchestrator.Silo/Hosting/StartupRecovery.cs: wakes every task that has not ended or still owes a callback, those that run first.</summary>
    private void StartService()
    {
        Silo.Reminders.TakeUp();
        foreach (var row in Catalog.ReadOpen().OrderBy(row => row.Phase == AgentTaskPhase.Waiting)) _ = WakeAsync(row);
    }

    private async Task WakeAsync(CatalogEntry row)
    {
        try
        {
            if (await Silo.GetGrain<IAgentTaskGrain>(row.TaskId).WakeAsync() && row.OwesCallback) await Silo.GetGrain<ICallbackGrain>(row.TaskId).Wake();
        }
        catch (Exception exception) when (exception is OrleansException or TimeoutException)
        {
            // Its reminder wakes it.
        }
    }

    private void Stored(string name, string key, object? before, object? after)
    {
        Invariants.Stored(name, key, before, after);
        if (after is AgentTaskState { Phase: AgentTaskPhase.Held }) _held.TryAdd(key, Clock.Elapsed);
        else if (after is AgentTaskState && _held.Remove(key, out var since)) _heldTime += Clock.Elapsed - since;
        if (after is AgentTaskState state) Coverage.Asked(AgentTaskEffects.Of(state, ((IOptions<AgentTaskOptions>)OptionsOf(typeof(AgentTaskOptions))).Value, Clock.GetUtcNow()));
    }

    private void Set<T>(T options)
        where T : class, new() => _options.Add(typeof(T), new OptionsWrapper<T>(options));
}
