using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Options;
using Orchestrator.Silo.Callbacks;
using Orchestrator.Silo.Configuration;

namespace Orchestrator.Torture.Fuzzing;

/// <summary>URLs of callbacks: no spelling of a private address is taken.</summary>
internal sealed class UrlFuzz
{
    private static readonly string[] Hosts =
    [
        "127.0.0.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "127.1", "10.1.2.3", "172.16.0.9", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "0", "[::1]", "[::]", "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]", "[fd00::1]", "[fe80::1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[::127.0.0.1]", "localhost", "example.com", "8.8.8.8", "[2606:4700::1111]", "１２７.0.0.1", "127.0.0.1.", "ⓔxample.com",
    ];

    private readonly CallbackAddress _addresses = new(Options.Create(new CallbackOptions()));

    public string? Try(Random random)
    {
        var url = $"{(random.Next(4) == 0 ? "http" : "https")}://{(random.Next(12) == 0 ? "user:pw@" : "")}{Hosts[random.Next(Hosts.Length)]}{(random.Next(3) == 0 ? ":8443" : "")}/a/task-complete";
        if (random.Next(2) == 0) url = Mutations.Spoil(url, random);
        if (_addresses.CheckUrl(url) is not null) return null;
        if (!Uri.TryCreate(url, UriKind.Absolute, out var parsed) || parsed.Scheme is not ("http" or "https") || parsed.UserInfo.Length > 0) return $"'{url}' was taken";
        return IPAddress.TryParse(parsed.Host.Trim('[', ']').TrimEnd('.'), out var address) && IsPrivate(address) ? $"'{url}' was taken: {address}" : null;
    }

    private static bool IsPrivate(IPAddress address)
    {
        var bytes = address.GetAddressBytes();
        if (address.AddressFamily == AddressFamily.InterNetwork) return IsPrivate4(bytes);
        if (IPAddress.IsLoopback(address) || address.Equals(IPAddress.IPv6Any) || address.IsIPv6LinkLocal || (bytes[0] & 0xfe) == 0xfc) return true;
        if (address.IsIPv4MappedToIPv6 || bytes.AsSpan(0, 12).IndexOfAnyExcept((byte)0) < 0) return IsPrivate4(bytes[12..]);
        if (bytes.AsSpan(0, 12).SequenceEqual((byte[])[0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0])) return IsPrivate4(bytes[12..]);
        return bytes[0] == 0x20 && bytes[1] == 2 && IsPrivate4(bytes[2..6]);
    }

    private static bool IsPrivate4(byte[] bytes) => bytes switch
    {
        [0 or 10 or 127, ..] or [169, 254, ..] or [192, 168, ..] or [172, >= 16 and < 32, ..] or [100, >= 64 and < 128, ..] or [>= 224, ..] => true,
        _ => false,
    };
}
