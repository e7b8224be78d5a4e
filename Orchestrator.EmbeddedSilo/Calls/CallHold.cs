namespace Orchestrator.EmbeddedSilo.Calls;

/// <summary>How a running call keeps others of its grain from starting.</summary>
internal enum CallHold : byte
{
    /// <summary>Not yet decided, or an ordinary call: none but interleaving ones may start.</summary>
    Exclusive = 0,

    /// <summary>Only other read-only calls may start.</summary>
    Shared = 1,

    /// <summary>Any may start.</summary>
    None = 2,
}
