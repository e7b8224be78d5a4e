using System.Text.Json.Serialization;

namespace Orchestrator.Silo.Machines.Cleanup;

/// <summary>What was put aside, and why: <c>about.json</c> beside it.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Name">Whose it was: a task id, a repository, or the name that it had.</param>
/// <param name="Why">For people.</param>
internal sealed record QuarantineItem(QuarantineKind Kind, string Name, string Why)
{
    /// <summary>Where it was.</summary>
    public string? From { get; init; }

    /// <summary>When it was moved, UTC.</summary>
    public DateTimeOffset MovedAt { get; init; }

    /// <summary>The repository whose worktree it is; null when it is none, or that is not known.</summary>
    public string? Repository { get; init; }

    /// <summary>Refs of the mirror that its work was saved to.</summary>
    public IReadOnlyList<string> SavedTo { get; init; } = [];

    /// <summary>Whether all that is worth keeping is elsewhere too. Only such things are ever deleted, after <c>QUARANTINE_KEEP_DAYS</c>.</summary>
    public bool IsSaved { get; init; }
}

/// <summary>What is in quarantine. The names are stored.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<QuarantineKind>))]
internal enum QuarantineKind
{
    /// <summary>Nobody knows.</summary>
    Unknown = 1,

    /// <summary>A worktree's folder, or what git kept of it.</summary>
    Worktree = 2,

    /// <summary>Folders of sessions.</summary>
    Session = 3,

    /// <summary>A folder of sockets.</summary>
    Sockets = 4,

    /// <summary>A mirror.</summary>
    Mirror = 5,
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(QuarantineItem))]
internal sealed partial class QuarantineJson : JsonSerializerContext;
