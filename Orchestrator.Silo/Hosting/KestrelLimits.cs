using Microsoft.AspNetCore.Server.Kestrel.Core;
using Orchestrator.Silo.Access;
using Orchestrator.Silo.Configuration;

namespace Orchestrator.Silo.Hosting;

/// <summary>What a client may take: slow, long and many requests are ended by the server.</summary>
internal static class KestrelLimits
{
    private const int ConnectionsMax = 1_000;
    private const double BytesPerSecondMin = 240;
    private static readonly TimeSpan HeadersTimeout = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan RateGrace = TimeSpan.FromSeconds(5);

    public static void Apply(KestrelServerOptions kestrel, ServerOptions server)
    {
        kestrel.AddServerHeader = false;
        kestrel.Limits.MaxRequestBodySize = RequestBody.BytesMax;
        kestrel.Limits.RequestHeadersTimeout = HeadersTimeout;
        kestrel.Limits.MinRequestBodyDataRate = new(BytesPerSecondMin, RateGrace);
        kestrel.Limits.MaxConcurrentConnections = ConnectionsMax;
        kestrel.Limits.MaxRequestHeadersTotalSize = 32 * 1024;
        kestrel.Limits.MaxRequestHeaderCount = 100;
        kestrel.Listen(server.Bind, server.Port, listen => listen.Protocols = HttpProtocols.Http1);
    }
}
