using System.Collections.Concurrent;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orchestrator.Interfaces.AgentTasks;
using Orchestrator.Silo.Access;
using Orchestrator.Silo.Hosting;

namespace Orchestrator.Silo.Tests.Http;

/// <summary>Who may call what.</summary>
public sealed class AccessTests
{
    [Theory]
    [InlineData("CF-Ray", "x")]
    [InlineData("cf-access-client-id", "x")]
    [InlineData("CF-Connecting-IP", "203.0.113.7")]
    [InlineData("X-Forwarded-For", "203.0.113.7")]
    [InlineData("x-forwarded-proto", "https")]
    [InlineData("Forwarded", "for=203.0.113.7")]
    [InlineData("X-Real-IP", "203.0.113.7")]
    [InlineData("Via", "1.1 proxy")]
    [InlineData("Origin", "null")]
    [InlineData("Sec-Fetch-Site", "none")]
    [InlineData("Sec-Fetch-Mode", "navigate")]
    [InlineData("Sec-Fetch-Dest", "document")]
    [InlineData("Host", "orchestrator.example.com")]
    [InlineData("Host", "localhost.example.com")]
    [InlineData("Host", "127.0.0.1.example.com")]
    [InlineData("Host", "10.0.0.1:8080")]
    [InlineData("Host", "0.0.0.0")]
    [InlineData("Host", "[::2]")]
    public async Task A_sign_of_a_proxy_or_browser_needs_a_signature(string header, string value)
    {
        await using var service = await ServiceUnderTest.StartAsync();
        service.Grains.Task("t").Cancel = CancelResult.Cancelled;
        await (await service.SendAsync(HttpMethod.Delete, "/tasks/t", request => request.Headers.TryAddWithoutValidation(header, value)))
            .ProblemAsync(401, "Missing authentication headers");

        var signed = await service.SendAsync(HttpMethod.Delete, "/tasks/t", request =>
        {
            request.Headers.TryAddWithoutValidation(header, value);
            service.Sign(request, "");
        });
        Assert.Equal(200, (int)signed.StatusCode);
    }

    [Theory]
    [InlineData("Sec-Fetch-Mode", "cors")]
    [InlineData("Host", "localhost")]
    [InlineData("Host", "LOCALHOST:8080")]
    [InlineData("Host", "127.0.0.1:1")]
    [InlineData("Host", "127.9.8.7")]
    [InlineData("Host", "[::1]")]
    [InlineData("Host", "[::1]:8080")]
    public async Task A_program_on_this_machine_needs_none(string header, string value)
    {
        await using var service = await ServiceUnderTest.StartAsync();
        service.Grains.Task("t").Cancel = CancelResult.Cancelled;
        var response = await service.SendAsync(HttpMethod.Delete, "/tasks/t", request => request.Headers.TryAddWithoutValidation(header, value));
        Assert.Equal(200, (int)response.StatusCode);
    }

    [Theory]
    [InlineData("127.1")]
    [InlineData("0177.0.0.1")]
    [InlineData("2130706433")]
    [InlineData("localhost.")]
    [InlineData("localhost:")]
    [InlineData("localhost:x")]
    [InlineData("localhost:99999")]
    [InlineData("[::1")]
    [InlineData("[::1]x")]
    [InlineData(":80")]
    [InlineData("")]
    [InlineData(null)]
    public void Other_spellings_are_no_loopback_names(string? host) => Assert.False(LocalCaller.IsLoopbackName(host));

    [Fact]
    public async Task Access_signed_asks_programs_on_this_machine_too()
    {
        await using var service = await ServiceUnderTest.StartAsync(args: ["--ACCESS", "signed"]);
        await (await service.SendAsync(HttpMethod.Get, "/tasks")).ProblemAsync(401, "Missing authentication headers");
        Assert.Equal(200, (int)(await service.SendAsync(HttpMethod.Get, "/tasks", request => service.Sign(request, ""))).StatusCode);
        Assert.Equal(200, (int)(await service.SendAsync(HttpMethod.Get, "/health")).StatusCode);
    }

    [Fact]
    public async Task Access_open_asks_nobody_but_those_who_send_tasks()
    {
        await using var service = await ServiceUnderTest.StartAsync(args: ["--ACCESS", "open"]);
        Assert.Equal(200, (int)(await service.SendAsync(HttpMethod.Get, "/tasks", request => request.Headers.Add("CF-Ray", "x"))).StatusCode);
        await (await service.SendAsync(HttpMethod.Post, "/tasks", request => request.Content = new StringContent("{}"))).ProblemAsync(401, "Missing authentication headers");
    }

    [Theory]
    [InlineData("signed", true)]
    [InlineData("local", true)]
    [InlineData("open", false)]
    public async Task A_cancel_refused_behind_a_tunnel_is_warned_of_unless_access_is_open(string access, bool isWarned)
    {
        var log = new RememberedLog();
        await using var service = await ServiceUnderTest.StartAsync(
            overrides: services => services.AddSingleton<ILoggerProvider>(log), args: ["--ORCHESTRATOR_LOG_LEVEL", "warning", "--ACCESS", access]);
        var response = await service.SendAsync(HttpMethod.Delete, "/tasks/t", request =>
        {
            request.Headers.Add("CF-Access-Client-Id", "x");
            request.Headers.Add("X-Dispatch-Nonce", "x");
        });
        await response.ProblemAsync(401);
        Assert.Equal(isWarned, log.Lines.Any(line => line.Contains("through Cloudflare", StringComparison.Ordinal) && line.Contains($"ACCESS={access}", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("/home/u/.cloudflared/config.yml")]
    [InlineData("/home/u/.cloudflared/config.yaml")]
    [InlineData("/etc/cloudflared/config.yaml")]
    [InlineData("/home/u/Library/LaunchAgents/com.cloudflare.cloudflared.plist")]
    [InlineData("/Library/LaunchDaemons/com.cloudflare.cloudflared.plist")]
    public void A_tunnel_is_found_in_its_usual_places(string path)
    {
        Assert.Equal(path, TunnelSigns.Find("/home/u", _ => null, file => file == path));
        Assert.Equal("TUNNEL_TOKEN", TunnelSigns.Find("/home/u", name => name == "TUNNEL_TOKEN" ? "x" : null, _ => true));
        Assert.Null(TunnelSigns.Find("/home/u", _ => "", _ => false));
    }

    [Fact]
    public async Task The_first_cancel_refused_behind_a_tunnel_is_warned_of_once()
    {
        var log = new RememberedLog();
        await using var service = await ServiceUnderTest.StartAsync(
            overrides: services => services.AddSingleton<ILoggerProvider>(log), args: ["--ORCHESTRATOR_LOG_LEVEL", "warning"]);
        for (var i = 0; i < 3; i++) await service.SendAsync(HttpMethod.Delete, "/tasks/t", request => request.Headers.Add("CF-Access-Client-Id", "x"));
        await service.SendAsync(HttpMethod.Delete, "/tasks/t", request => request.Headers.Add("Via", "1.1 x"));
        Assert.Contains("ACCESS=open", Assert.Single(log.Lines, line => line.Contains("through Cloudflare", StringComparison.Ordinal)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_route_declares_its_access()
    {
        await using var service = await ServiceUnderTest.StartAsync();
        var routes = EndpointChecks.Find(service.App.Web).OfType<RouteEndpoint>().ToList();
        Assert.All(routes, route => Assert.NotNull(route.Metadata.GetMetadata<AccessRule>()));
        Assert.Equal(
            ["GET /admin/leftovers Open", "GET /health None", "GET /openapi.json Open", "GET /tasks Open", "GET /tasks/{id} Open", "GET /tasks/{id}/transcript Open", "DELETE /tasks/{id} Open",
                "POST /admin/accounts/{account}/release Open", "POST /admin/drain Open", "POST /admin/pause Open", "POST /admin/refresh-token Open", "POST /admin/resume Open", "POST /admin/shutdown Open", "POST /admin/sweep Open", "POST /tasks Signed",
                "POST /tasks/{id}/priority Open"],
            routes.Select(Describe).OrderBy(text => text.Split(' ')[0] switch { "GET" => 0, "DELETE" => 1, _ => 2 }).ThenBy(text => text, StringComparer.Ordinal));
    }

    private static string Describe(RouteEndpoint route) =>
        $"{route.Metadata.GetMetadata<HttpMethodMetadata>()!.HttpMethods[0]} /{route.RoutePattern.RawText!.Trim('/')} {route.Metadata.GetMetadata<AccessRule>()!.Policy}";

    private sealed class RememberedLog : ILoggerProvider, ILogger
    {
        public ConcurrentQueue<string> Lines { get; } = [];

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Lines.Enqueue(formatter(state, exception));

        public void Dispose()
        {
        }
    }
}
