namespace Orchestrator.Simulator.Runtime;

/// <summary>What kind of thing is under way.</summary>
internal enum ItemKind
{
    /// <summary>A durable write.</summary>
    Write,

    /// <summary>A read of the storage.</summary>
    Read,

    /// <summary>A call whose caller waits.</summary>
    Call,

    /// <summary>A call whose caller does not.</summary>
    OneWay,

    /// <summary>The answer to a call.</summary>
    Answer,

    /// <summary>Work of the machine for one of its jobs.</summary>
    Work,

    /// <summary>Something of the machine's own that goes on without the service.</summary>
    Host,

    /// <summary>One HTTP request of a callback.</summary>
    Try,
}

/// <summary>What becomes of it.</summary>
internal enum Fate
{
    Done,

    /// <summary>It does not happen; whoever waits learns that it failed.</summary>
    Failed,

    /// <summary>It happens, and whoever waits is told that it failed.</summary>
    DoneThenFailed,

    /// <summary>It does not happen, and nobody learns.</summary>
    Lost,

    /// <summary>It happens twice.</summary>
    Doubled,
}

/// <summary>Something that is under way, and ends when a schedule says so.</summary>
/// <param name="Kind">Decides which fates it can have.</param>
/// <param name="Label">Names it in schedules: equal ones are the same thing at different times.</param>
/// <param name="Run">Ends it; the number decides whatever else is open.</param>
internal sealed record PendingItem(ItemKind Kind, string Label, Action<Fate, int> Run)
{
    /// <summary>The fates, beside <see cref="Fate.Done"/>.</summary>
    public static readonly Fate[][] Faults =
    [
        [Fate.Failed, Fate.DoneThenFailed], [Fate.Failed], [Fate.DoneThenFailed], [Fate.Lost, Fate.Doubled], [Fate.Failed], [Fate.Failed, Fate.DoneThenFailed], [Fate.Failed], [Fate.Failed, Fate.DoneThenFailed],
    ];

    /// <summary>What the death of the service makes of it; null: nothing is left of it.</summary>
    public Action<int>? Crash { get; init; }

    /// <summary>How long it may take, seconds. The machine's grain answers at once, and works on one task's worktree in the order in which it was asked; a host is there soon or never.</summary>
    public int SecondsMax { get; init; } = int.MaxValue;

    /// <summary>Whether it goes on when the service dies.</summary>
    public bool IsOutside { get; init; }
}
