using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Orchestrator.Interfaces.Callbacks;

namespace Orchestrator.Grains.Callbacks;

/// <summary>What one task owes, and how far each callback has come.</summary>
internal sealed record CallbackGrainState
{
    /// <summary>The version of this form.</summary>
    public int SchemaVersion { get; init; } = 1;

    /// <summary>In the order in which they have to be delivered. Never removed: a task has few runs, and a repeated one has to be known again.</summary>
    public IReadOnlyList<CallbackRecord> Callbacks { get; init; } = [];
}

/// <summary>One callback.</summary>
internal sealed record CallbackRecord
{
    /// <summary>What is sent; body and secret are emptied once it is delivered.</summary>
    public required OwedCallback Owed { get; init; }

    /// <summary>Where it stands.</summary>
    public CallbackState State { get; init; } = CallbackState.Owed;

    /// <summary>The latest 20, oldest first.</summary>
    public IReadOnlyList<CallbackTry> Tries { get; init; } = [];

    /// <summary>How many there were in all.</summary>
    public int TryCount { get; init; }

    /// <summary>When the first try began, UTC; null before it has ended.</summary>
    public DateTimeOffset? FirstTryAt { get; init; }

    /// <summary>When the next try is due, UTC; null when it is settled, or waits for the one before it.</summary>
    public DateTimeOffset? NextTryAt { get; init; }
}

/// <summary>Reads and writes the state of callback grains without reflection.</summary>
public static class CallbackStateJson
{
    /// <summary>For the front of the grain storage's <c>TypeInfoResolverChain</c>.</summary>
    public static IJsonTypeInfoResolver Resolver => CallbackStateJsonContext.Default;
}

[JsonSourceGenerationOptions(System.Text.Json.JsonSerializerDefaults.Web)]
[JsonSerializable(typeof(CallbackGrainState))]
internal sealed partial class CallbackStateJsonContext : JsonSerializerContext;
