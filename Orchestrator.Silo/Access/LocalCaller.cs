using System.Net;

namespace Orchestrator.Silo.Access;

/// <summary>
/// Whether a request comes from a program on this machine: the TCP peer is loopback, it names us by a loopback name, and nothing says that a proxy or a browser
/// is in between. A proxy that hides itself cannot be told from a program: that is what <c>ACCESS=signed</c> is for.
/// </summary>
internal static class LocalCaller
{
    private static readonly string[] ProxySigns = ["Forwarded", "X-Real-IP", "Via", "Origin"];
    private static readonly string[] ProxyPrefixes = ["CF-", "X-Forwarded"];

    public static bool Is(HttpContext context) =>
        IsLoopback(context.Connection.RemoteIpAddress) && IsLoopbackName(context.Request.Host.Value) && !HasSigns(context.Request.Headers);

    /// <summary>Whether the request came through a Cloudflare tunnel or proxy.</summary>
    public static bool HasCloudflareSigns(IHeaderDictionary headers) => headers.Keys.Any(name => name.StartsWith("CF-", StringComparison.OrdinalIgnoreCase));

    /// <summary>A name of this machine alone, with or without a port. A browser that was led here by a name of somebody else's (DNS rebinding) says that name.</summary>
    public static bool IsLoopbackName(string? host)
    {
        if (string.IsNullOrEmpty(host)) return false;
        var name = WithoutPort(host);
        if (name is null) return false;
        if (string.Equals(name, "localhost", StringComparison.OrdinalIgnoreCase)) return true;
        if (name.StartsWith('[')) return name is "[::1]";

        // IPAddress.Parse takes "127.1" and "0177.0.0.1" too, which are no names that a client of ours would say.
        return IPAddress.TryParse(name, out var address) && IPAddress.IsLoopback(address) && string.Equals(address.ToString(), name, StringComparison.Ordinal);
    }

    private static bool IsLoopback(IPAddress? address)
    {
        if (address is null) return false;
        return IPAddress.IsLoopback(address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address);
    }

    private static string? WithoutPort(string host)
    {
        var end = host.StartsWith('[') ? host.IndexOf(']', StringComparison.Ordinal) + 1 : host.IndexOf(':', StringComparison.Ordinal);
        if (end <= 0) return host.StartsWith('[') || host.StartsWith(':') ? null : host;
        if (end == host.Length) return host;
        var port = host.AsSpan(end);
        return port[0] == ':' && ushort.TryParse(port[1..], System.Globalization.NumberStyles.None, null, out _) ? host[..end] : null;
    }

    private static bool HasSigns(IHeaderDictionary headers)
    {
        foreach (var (name, value) in headers)
        {
            if (Array.Exists(ProxySigns, sign => string.Equals(name, sign, StringComparison.OrdinalIgnoreCase))) return true;
            if (Array.Exists(ProxyPrefixes, prefix => name.StartsWith(prefix, StringComparison.OrdinalIgnoreCase))) return true;
            if (!name.StartsWith("Sec-Fetch-", StringComparison.OrdinalIgnoreCase)) continue;

            // Browsers send a set of these (https://www.w3.org/TR/fetch-metadata/); Node's fetch sends "sec-fetch-mode: cors" alone.
            if (!string.Equals(name, "Sec-Fetch-Mode", StringComparison.OrdinalIgnoreCase) || value != "cors") return true;
        }

        return false;
    }
}
