namespace Orchestrator.Silo.Configuration;

/// <summary>Who may use the open routes.</summary>
internal sealed class AccessOptions
{
    /// <summary>Default: local (<c>ACCESS</c>).</summary>
    public AccessMode Mode { get; set; } = AccessMode.Local;

    /// <summary>Whether a proxy in front decides who comes in, so that <see cref="AccessMode.Open"/> may listen beyond this machine. Default: false (<c>BEHIND_PROXY</c>).</summary>
    public bool IsBehindProxy { get; set; }
}

/// <summary>Who may use the open routes.</summary>
internal enum AccessMode
{
    /// <summary>Callers on this machine, without credentials; others sign.</summary>
    Local = 1,

    /// <summary>Who signs.</summary>
    Signed = 2,

    /// <summary>Everybody: the proxy in front decides.</summary>
    Open = 3,
}
