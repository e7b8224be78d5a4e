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

    /// <summary>When the agent will end by itself.</summary>
    public Alarm? End { get; set; }

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
