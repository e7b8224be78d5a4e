namespace Orchestrator.Contracts.AgentTasks;

/// <summary>The answer to <c>POST /admin/sweep</c>: what was done, or would be.</summary>
public sealed record SweepView
{
    /// <summary>Whether nothing was done.</summary>
    public required bool DryRun { get; init; }

    /// <summary>Tasks whose worktrees went, and why.</summary>
    public required IReadOnlyList<SweptView> Removed { get; init; }

    /// <summary>What was to go and had to stay, and why.</summary>
    public required IReadOnlyList<SweptView> Kept { get; init; }

    /// <summary>What belongs to no task, and where it is now.</summary>
    public required IReadOnlyList<SweptView> Quarantined { get; init; }

    /// <summary>Files of ended sessions that were compressed.</summary>
    public required int FilesCompressed { get; init; }

    /// <summary>Folders of ended sessions that were removed.</summary>
    public required int SessionsRemoved { get; init; }

    /// <summary>Folders of sockets of ended tasks that were removed.</summary>
    public required int SocketsRemoved { get; init; }

    /// <summary>Entries of the quarantine that were deleted.</summary>
    public required int QuarantineRemoved { get; init; }

    /// <summary>What went wrong, for people.</summary>
    public required IReadOnlyList<string> Troubles { get; init; }

    /// <summary>Whether there is more to do than one sweep may.</summary>
    public required bool HasMore { get; init; }

    /// <summary>Milliseconds.</summary>
    public required long TookMs { get; init; }
}

/// <summary>One thing that a sweep dealt with.</summary>
/// <param name="Name">A task id, or the name of a folder.</param>
/// <param name="Detail">For people.</param>
public sealed record SweptView(string Name, string Detail);

/// <summary>The answer to <c>GET /admin/leftovers</c>.</summary>
public sealed record LeftoversView
{
    /// <summary>What belongs to no task and is where those of tasks are.</summary>
    public required IReadOnlyList<LeftoverView> Found { get; init; }

    /// <summary>What was put aside, oldest first.</summary>
    public required IReadOnlyList<QuarantinedView> Quarantined { get; init; }
}

/// <summary>What belongs to no task.</summary>
/// <param name="Kind"><c>worktree</c>, <c>session</c> or <c>sockets</c>.</param>
/// <param name="Name">The name of its folder.</param>
/// <param name="Path">Where it is.</param>
/// <param name="Alive">What holds it; null: nothing, and the next sweep puts it aside.</param>
public sealed record LeftoverView(string Kind, string Name, string Path, string? Alive);

/// <summary>What was put aside.</summary>
/// <param name="Id">The name of its folder.</param>
/// <param name="Kind"><c>worktree</c>, <c>session</c>, <c>sockets</c>, <c>mirror</c> or <c>unknown</c>.</param>
/// <param name="Name">Whose it was.</param>
/// <param name="Path">Its folder.</param>
/// <param name="From">Where it was; null: unknown.</param>
/// <param name="MovedAt">When.</param>
/// <param name="Why">For people.</param>
/// <param name="Repository">The repository whose worktree it is.</param>
/// <param name="SavedTo">Refs of the mirror with its work.</param>
/// <param name="IsSaved">Whether all that is worth keeping is elsewhere too; else it stays until somebody removes it.</param>
public sealed record QuarantinedView(
    string Id, string Kind, string Name, string Path, string? From, DateTimeOffset MovedAt, string Why, string? Repository, IReadOnlyList<string> SavedTo, bool IsSaved);
