using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Options;
using Orchestrator.Silo.Configuration;

namespace Orchestrator.Silo.Callbacks;

/// <summary>
/// Where callbacks may go: origins that are allowed by name, whatever their address; any other only when every address it resolves to is public. Checked twice: what
/// can be seen in the URL, when a task is sent; every address, each time a connection is made (so that a name cannot change its mind in between).
/// </summary>
internal sealed class CallbackAddress(IOptions<CallbackOptions> options)
{
    private readonly HashSet<string> _allowed = [.. options.Value.AllowedOrigins.Select(origin => OriginOf(new Uri(origin)))];

    /// <summary>Scheme, host and port: <c>https://example.com:443</c>.</summary>
    public static string OriginOf(Uri url) => $"{url.Scheme}://{url.IdnHost.ToLowerInvariant().TrimEnd('.')}:{url.Port}";

    /// <summary>Whether the origin is one of <see cref="CallbackOptions.AllowedOrigins"/>.</summary>
    public bool IsAllowedByName(Uri url) => _allowed.Contains(OriginOf(url));

    /// <summary>Why the URL cannot be called back, for people; null when nothing in it speaks against it. A name is not resolved here.</summary>
    public string? CheckUrl(string url)
    {
        if (!Uri.TryCreate(url, UriKind.Absolute, out var parsed) || (parsed.Scheme != Uri.UriSchemeHttp && parsed.Scheme != Uri.UriSchemeHttps) || parsed.Host.Length == 0)
            return "must be an absolute http or https URL";
        if (parsed.UserInfo.Length > 0) return "must not carry a user name or password";
        if (HostOf(parsed) is not { } host) return "must have a host name that is one in the DNS (IDNA)";
        if (!IPAddress.TryParse(host.TrimEnd('.'), out var address) || PublicAddresses.Contain(address) || IsAllowedByName(parsed)) return null;
        return $"must not point to the private address {address} (CALLBACK_ALLOW can allow its origin)";
    }

    /// <summary>The host as the DNS knows it; null when there is none. .NET looks only when it is asked, and throws then.</summary>
    public static string? HostOf(Uri url)
    {
        try
        {
            return url.IdnHost;
        }
        catch (UriFormatException)
        {
            return null;
        }
    }

    /// <summary>Connects to the request's host: to the addresses that were checked, and to no other.</summary>
    /// <exception cref="CallbackAddressException">One of its addresses is not public, and its origin is not allowed by name.</exception>
    /// <exception cref="SocketException">It cannot be resolved or reached now.</exception>
    public async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        var host = context.DnsEndPoint.Host;
        var addresses = await Dns.GetHostAddressesAsync(host, cancellationToken);
        if (!IsAllowedByName(context.InitialRequestMessage.RequestUri!) && Array.Find(addresses, address => !PublicAddresses.Contain(address)) is { } refused)
            throw new CallbackAddressException($"{host} is at the private address {refused}, and its origin is not in CALLBACK_ALLOW.");

        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(addresses, context.DnsEndPoint.Port, cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}

/// <summary>A callback may not go where it would.</summary>
internal sealed class CallbackAddressException(string message) : Exception(message);
