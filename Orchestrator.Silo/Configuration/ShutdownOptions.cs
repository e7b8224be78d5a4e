namespace Orchestrator.Silo.Configuration;

/// <summary>How the service stops.</summary>
internal sealed class ShutdownOptions
{
    /// <summary>How long <c>POST /admin/shutdown</c> waits for what runs. Default: 10 minutes (<c>SHUTDOWN_DRAIN_SECONDS</c>).</summary>
    public TimeSpan DrainTimeout { get; set; } = TimeSpan.FromSeconds(600);
}
