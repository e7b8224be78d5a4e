using System.Net;

namespace Orchestrator.Silo.Configuration;

/// <summary>Where the service listens.</summary>
internal sealed class ServerOptions
{
    /// <summary>TCP port; 0 takes a free one. Default: 8080 (<c>PORT</c>).</summary>
    public int Port { get; set; } = 8080;

    /// <summary>The address to listen at. Default: 127.0.0.1 (<c>BIND</c>).</summary>
    public IPAddress Bind { get; set; } = IPAddress.Loopback;

    /// <summary>The least level that is logged. Default: information (<c>ORCHESTRATOR_LOG_LEVEL</c>).</summary>
    public LogLevel LogLevel { get; set; } = LogLevel.Information;
}
