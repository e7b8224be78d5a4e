using Orchestrator.Interfaces.AgentTasks;
using Orchestrator.Interfaces.Machines;
using Orchestrator.Simulator.Runtime;

namespace Orchestrator.Simulator.Machines;

/// <summary>What is true of one session on the machine's disk and in its process table.</summary>
internal sealed class SimulatedSession(SessionName name)
{
    public SessionName Name { get; } = name;

    /// <summary>Whether its launch file was written (<c>SessionFiles.Launch</c>).</summary>
    public bool HasLaunch { get; set; }

    /// <summary>Whether it was told to stop, or never to start (<c>SessionFiles.Stop</c>).</summary>
    public bool IsStopAsked { get; set; }

    /// <summary>Whether its host said that it runs (<c>SessionFiles.Started</c>).</summary>
    public bool IsStarted { get; set; }

    public DateTimeOffset StartedAt { get; set; }

    /// <summary>Whether its host lives (<c>SessionFiles.Lock</c>).</summary>
    public bool IsHeld { get; set; }

    /// <summary>Whether any process of it lives: what a killed host leaves behind, too.</summary>
    public bool IsAlive { get; set; }

    /// <summary>The host's last word (<c>SessionFiles.Exit</c>).</summary>
    public SessionEndedReport? Exit { get; set; }

    /// <summary>The same by the steady clock.</summary>
    public TimeSpan StartedAfter { get; set; }

    /// <summary>Whether its agent hangs: it shows no sign of life from its start on.</summary>
    public bool IsSilent { get; set; }

    /// <summary>Whether its agent spends more and more.</summary>
    public bool IsSpender { get; set; }

    /// <summary>When the agent will end by itself.</summary>
    public Alarm? End { get; set; }

    /// <summary>What its agent has used so far, if one asks it.</summary>
    public AgentUsage UsageAfter(TimeSpan elapsed)
    {
        var more = IsSpender ? (int)((elapsed - StartedAfter) / MachineJobs.LifePeriod) : 0;
        return new(10, 20, 0, 0, 0.5 + (0.5 * more), 2 + (2 * more));
    }

    public override string ToString() => $"{Name}{(IsStarted ? " started" : "")}{(IsHeld ? " held" : IsAlive ? " left over" : "")}{(IsStopAsked ? " stop" : "")}{(Exit is null ? "" : $" {Exit.Kind}")}";
}

/// <summary>A worktree on the disk.</summary>
internal sealed class SimulatedTree(Worktree worktree)
{
    public Worktree Worktree { get; } = worktree;

    public bool IsThere { get; set; } = true;

    /// <summary>The branch that nobody else can check out; null: it has let go.</summary>
    public string? HeldBranch { get; set; } = worktree.Branch;
}
