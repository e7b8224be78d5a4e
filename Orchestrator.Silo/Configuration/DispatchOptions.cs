using System.Text;

namespace Orchestrator.Silo.Configuration;

/// <summary>What dispatchers sign with.</summary>
internal sealed class DispatchOptions
{
    /// <summary>How far a signed time may be from ours, either way.</summary>
    public static readonly TimeSpan Tolerance = TimeSpan.FromMinutes(5);

    /// <summary>The secrets that are accepted, the first of which we sign with; at least one (<c>DISPATCH_SECRET</c>, comma-separated). Never logged.</summary>
    public IReadOnlyList<string> Secrets { get; set; } = [];

    /// <summary><see cref="Secrets"/> as keys of the HMAC.</summary>
    public IReadOnlyList<byte[]> GetKeys() => [.. Secrets.Select(Encoding.UTF8.GetBytes)];
}
