using System.Net;
using System.Net.Sockets;

namespace Orchestrator.Silo.Callbacks;

/// <summary>
/// Which addresses belong to the public internet. By the IANA registries of special-purpose addresses; what only carries an IPv4 address counts as that address, and outdated
/// tunnels (6to4, Teredo, IPv4-compatible) count as private, because where they end cannot be known.
/// </summary>
internal static class PublicAddresses
{
    private static readonly IPNetwork[] SpecialV4 = Parse(
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        "168.63.129.16/32"); // Azure's host, the platform's own services.

    private static readonly IPNetwork GlobalV6 = IPNetwork.Parse("2000::/3");
    private static readonly IPNetwork[] SpecialV6 = Parse("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20");
    private static readonly IPNetwork TranslatedV6 = IPNetwork.Parse("64:ff9b::/96");

    /// <summary>Whether the address is a public unicast address.</summary>
    public static bool Contain(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6) address = address.MapToIPv4();
        if (address.AddressFamily == AddressFamily.InterNetwork) return !IsIn(SpecialV4, address);
        if (address.AddressFamily != AddressFamily.InterNetworkV6) return false;
        if (address.ScopeId != 0) address = new(address.GetAddressBytes());
        return TranslatedV6.Contains(address) ? Contain(LastV4(address)) : GlobalV6.Contains(address) && !IsIn(SpecialV6, address);
    }

    private static bool IsIn(IPNetwork[] networks, IPAddress address) => Array.Exists(networks, network => network.Contains(address));

    private static IPAddress LastV4(IPAddress address) => new(address.GetAddressBytes().AsSpan(12));

    private static IPNetwork[] Parse(params string[] networks) => [.. networks.Select(network => IPNetwork.Parse(network))];
}
