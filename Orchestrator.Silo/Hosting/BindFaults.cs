using System.Net.Sockets;
using Orchestrator.Silo.Configuration;

namespace Orchestrator.Silo.Hosting;

/// <summary>Says what to do about an address that the system does not let us listen at.</summary>
internal static class BindFaults
{
    public static string Explain(SocketException exception, ServerOptions server) => exception.SocketErrorCode switch
    {
        SocketError.AccessDenied =>
            $"Port {server.Port} at {server.Bind} is not allowed to this user: ports below 1024 usually need more rights. Set PORT to 1024 or more, and let a proxy listen there.",
        SocketError.AddressNotAvailable or SocketError.AddressFamilyNotSupported =>
            $"BIND={server.Bind} is no address of this machine. Set BIND to one that it has ('ip addr' or 'ifconfig' lists them), to 127.0.0.1 for this machine alone, or to 0.0.0.0 for all.",
        _ => $"Nothing can listen at {server.Bind}, port {server.Port}: {exception.Message}. Set BIND and PORT to what this machine has free.",
    };
}
