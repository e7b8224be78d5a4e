using System.Net;
using Microsoft.Extensions.Options;
using Orchestrator.Silo.Callbacks;
using Orchestrator.Silo.Configuration;

namespace Orchestrator.Silo.Tests.Callbacks;

/// <summary>Where callbacks may go.</summary>
public sealed class CallbackAddressTests
{
    [Theory]
    [InlineData("https://example.com/task-complete")]
    [InlineData("http://example.com:8080/x?y=1")]
    [InlineData("https://8.8.8.8/")]
    [InlineData("https://[2606:4700::1111]/")]
    [InlineData("https://[::ffff:8.8.8.8]/")]
    [InlineData("https://[64:ff9b::8.8.8.8]/")]
    [InlineData("http://localhost/")] // A name: it is resolved when a connection is made.
    [InlineData("http://127.0.0.1:9000/a")]
    [InlineData("http://LOCAL.test./a")]
    public void What_is_public_or_allowed_by_name_is_taken(string url) => Assert.Null(Create("http://127.0.0.1:9000", "http://local.test").CheckUrl(url));

    [Theory]
    [InlineData("")]
    [InlineData("/task-complete")]
    [InlineData("ftp://example.com/")]
    [InlineData("file:///etc/passwd")]
    [InlineData("https://user:password@example.com/")]
    [InlineData("https://user@example.com/")]
    [InlineData("https://\u05d0example.com/")] // Two directions in one label: no name in the DNS.
    [InlineData("http://127.0.0.1/")]
    [InlineData("https://127.0.0.1:9000/")] // Another scheme is another origin.
    [InlineData("http://127.0.0.1:9001/")]
    [InlineData("http://127.1/")]
    [InlineData("http://2130706433/")]
    [InlineData("http://0x7f000001/")]
    [InlineData("http://0x7f.1/")]
    [InlineData("http://0177.0.0.1/")]
    [InlineData("http://127.0.0.1./")]
    [InlineData("http://127。0。0。1/")]
    [InlineData("http://0/")]
    [InlineData("http://0.0.0.0/")]
    [InlineData("http://10.1.2.3/")]
    [InlineData("http://100.64.0.1/")]
    [InlineData("http://100.127.255.255/")]
    [InlineData("http://169.254.169.254/latest/meta-data/")]
    [InlineData("http://172.16.0.1/")]
    [InlineData("http://172.31.255.255/")]
    [InlineData("http://192.168.1.1/")]
    [InlineData("http://192.0.0.1/")]
    [InlineData("http://198.18.0.1/")]
    [InlineData("http://224.0.0.1/")]
    [InlineData("http://255.255.255.255/")]
    [InlineData("http://[::]/")]
    [InlineData("http://[::1]/")]
    [InlineData("http://[::127.0.0.1]/")]
    [InlineData("http://[::ffff:127.0.0.1]/")]
    [InlineData("http://[::ffff:7f00:1]/")]
    [InlineData("http://[0:0:0:0:0:ffff:a9fe:a9fe]/")]
    [InlineData("http://[64:ff9b::10.0.0.1]/")]
    [InlineData("http://[64:ff9b:1::8.8.8.8]/")]
    [InlineData("http://[2002:7f00:1::]/")]
    [InlineData("http://[2002:808:808::]/")]
    [InlineData("http://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/")]
    [InlineData("http://[2001:db8::1]/")]
    [InlineData("http://[fc00::1]/")]
    [InlineData("http://[fd12:3456::1]/")]
    [InlineData("http://[fe80::1]/")]
    [InlineData("http://[fe80::1%25eth0]/")]
    [InlineData("http://[fec0::1]/")]
    [InlineData("http://[ff02::1]/")]
    public void What_is_private_or_no_plain_http_URL_is_refused(string url) => Assert.NotNull(Create("http://127.0.0.1:9000").CheckUrl(url));

    [Theory]
    [InlineData("1.1.1.1", true)]
    [InlineData("100.63.255.255", true)]
    [InlineData("100.128.0.0", true)]
    [InlineData("172.32.0.0", true)]
    [InlineData("172.15.255.255", true)]
    [InlineData("192.169.0.0", true)]
    [InlineData("223.255.255.255", true)]
    [InlineData("168.63.129.16", false)]
    [InlineData("2a00:1450:4001:81b::200e", true)]
    [InlineData("fe80::1%3", false)]
    [InlineData("5f00::1", false)]
    [InlineData("3fff::1", false)]
    public void Borders_of_ranges(string address, bool isPublic) => Assert.Equal(isPublic, PublicAddresses.Contain(IPAddress.Parse(address)));

    private static CallbackAddress Create(params string[] allowed) => new(Options.Create(new CallbackOptions { AllowedOrigins = allowed }));
}
