using Orchestrator.Simulator.Runtime;

namespace Orchestrator.Simulator;

/// <summary>What a schedule can decide.</summary>
internal enum DecisionKind
{
    /// <summary>The oldest things that are under way end well, <see cref="Decision.Count"/> of them.</summary>
    Go,

    /// <summary>Time passes up to the next timer.</summary>
    Tick,

    /// <summary>A client sends a task.</summary>
    Post,

    /// <summary>One thing that is under way ends before its turn.</summary>
    Pick,

    /// <summary>One thing that is under way goes wrong.</summary>
    Fault,

    /// <summary>One thing that is under way takes long.</summary>
    Delay,

    /// <summary>Time passes, and timers ring late.</summary>
    Wait,

    /// <summary>The service dies and starts again.</summary>
    Crash,

    /// <summary>The machine starts again.</summary>
    Reboot,

    /// <summary>A client cancels a task.</summary>
    Delete,

    /// <summary>A client looks at a task.</summary>
    Get,

    /// <summary>An agent ends by itself.</summary>
    AgentEnds,

    /// <summary>A session's host is killed.</summary>
    KillHost,

    /// <summary>A worktree vanishes.</summary>
    LoseTree,

    /// <summary>Somebody sets the wall clock.</summary>
    SetClock,

    /// <summary>Nobody takes callbacks for a time.</summary>
    ReceiverDown,

    /// <summary>The service takes no tasks for a time, and starts none.</summary>
    ShutGate,

    /// <summary>The machine has too little memory for another agent.</summary>
    ShortOfMemory,

    /// <summary>Somebody pauses the pool, drains it, or opens it again.</summary>
    SetMode,

    /// <summary>An account reaches its usage limit: all of its agents meet it, or somebody who knows says so.</summary>
    HoldAccount,

    /// <summary>A client gives a task another place in the line.</summary>
    Reprioritize,

    /// <summary>An agent hangs.</summary>
    Stall,

    /// <summary>A client has no more use for an ended task's worktree.</summary>
    ReleaseWorktree,

    /// <summary>The worktrees of all tasks that are over are swept.</summary>
    Sweep,

    /// <summary>A grain that nobody calls is dropped from memory.</summary>
    Collect,
}

/// <summary>One step of a schedule. What it names may not be there when other steps were left out: then it does nothing.</summary>
/// <param name="Kind">What.</param>
/// <param name="Label">Of the thing that is under way, or the grain; null for others.</param>
/// <param name="Fate">What becomes of it.</param>
/// <param name="Count">How many, which task, seconds or minutes.</param>
/// <param name="Number">Decides whatever else is open.</param>
internal readonly record struct Decision(DecisionKind Kind, string? Label, Fate Fate, int Count, int Number)
{
    /// <summary>How likely each kind is, beside the others.</summary>
    public static readonly IReadOnlyList<int> Weights = [60, 14, 8, 6, 8, 5, 2, 2, 1, 3, 1, 5, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 4, 1];

    public override string ToString() => Kind switch
    {
        DecisionKind.Go => $"go {Count}",
        DecisionKind.Tick => "tick",
        DecisionKind.Pick => $"pick '{Label}'",
        DecisionKind.Fault => $"{Fate}: '{Label}'",
        DecisionKind.Delay => $"'{Label}' takes {Count} s",
        DecisionKind.Wait => $"wait {Count} s",
        DecisionKind.Post or DecisionKind.Delete or DecisionKind.Get or DecisionKind.AgentEnds or DecisionKind.KillHost or DecisionKind.LoseTree or DecisionKind.Reprioritize or DecisionKind.Stall or DecisionKind.ReleaseWorktree => $"{Kind} t{Count}",
        DecisionKind.SetClock => $"wall clock {Count:+0;-0} min",
        DecisionKind.ReceiverDown => $"receiver down for {Count} min",
        DecisionKind.ShutGate => $"no admission for {Count} min",
        DecisionKind.ShortOfMemory => $"short of memory for {Count} min",
        DecisionKind.SetMode => $"pool {(Orchestrator.Interfaces.Capacity.PoolMode)Count}",
        DecisionKind.HoldAccount => $"account {Label} held for {Count} min",
        DecisionKind.Collect => $"collect '{Label}'",
        _ => $"{Kind}",
    };

    /// <summary>Makes one up that fits the world as it is.</summary>
    public static Decision Of(World world, SeededNumbers numbers)
    {
        var kind = KindOf(world.Scenario.Weights, numbers);
        var items = world.Agenda.Items;
        if (items.Count == 0 && kind is DecisionKind.Go or DecisionKind.Pick or DecisionKind.Fault or DecisionKind.Delay) kind = DecisionKind.Tick;
        var number = (int)(numbers.Next() & 0x7fffffff);
        var task = 1 + numbers.Below(world.Scenario.Tasks.Count);
        return kind switch
        {
            DecisionKind.Go => new(kind, null, Fate.Done, 1 + numbers.Below(1 + numbers.Below(16)), number),
            DecisionKind.Pick => new(kind, items[numbers.Below(items.Count)].Label, Fate.Done, 0, number),
            DecisionKind.Fault => FaultOf(items[numbers.Below(items.Count)], numbers, number),
            DecisionKind.Delay => new(kind, items[numbers.Below(items.Count)].Label, Fate.Done, numbers.Of(1, 8, 20, 70, 300), number),
            DecisionKind.Wait => new(kind, null, Fate.Done, numbers.Of(1, 10, 45, 100, 400, 4000), number),
            DecisionKind.SetClock => new(kind, null, Fate.Done, numbers.Below(241) - 120, number),
            DecisionKind.ReceiverDown => new(kind, null, Fate.Done, numbers.Of(1, 5, 60), number),
            DecisionKind.ShortOfMemory => new(kind, null, Fate.Done, numbers.Of(1, 3), number),
            DecisionKind.SetMode => new(kind, null, Fate.Done, numbers.Of(0, 0, 1, 2), number),
            DecisionKind.HoldAccount => new(kind, numbers.Of("opus", "codex"), Fate.Done, numbers.Of(1, 5, 30), number),
            DecisionKind.ShutGate => new(kind, null, Fate.Done, numbers.Of(1, 3), number),
            DecisionKind.Collect => new(kind, world.Silo.Activations.Select(activation => activation.Name).Skip(numbers.Below(Math.Max(1, world.Silo.Activations.Count()))).FirstOrDefault(), Fate.Done, 0, number),
            _ => new(kind, null, Fate.Done, task, number),
        };
    }

    private static Decision FaultOf(PendingItem item, SeededNumbers numbers, int number) =>
        new(DecisionKind.Fault, item.Label, numbers.Of(PendingItem.Faults[(int)item.Kind]), 0, number);

    private static DecisionKind KindOf(IReadOnlyList<int> weights, SeededNumbers numbers)
    {
        var total = 0;
        foreach (var weight in weights) total += weight;
        var at = numbers.Below(total);
        var kind = 0;
        while (at >= weights[kind]) at -= weights[kind++];
        return (DecisionKind)kind;
    }
}
