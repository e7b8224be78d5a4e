using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Orchestrator.Contracts.AgentTasks;
using Orchestrator.Interfaces.Machines;
using Orchestrator.Silo.Agents;
using Orchestrator.Silo.Hosting;
using Orchestrator.Testing;
using Orleans;

namespace Orchestrator.Silo.Tests.Http;

/// <summary>The real service on a free port of 127.0.0.1, with a home and a clock of its own, and grains that only remember.</summary>
internal sealed class ServiceUnderTest : IAsyncDisposable
{
    public const string Secret = "test-secret";

    private readonly ScratchFolder? _scratch;
    private readonly OrchestratorApplication _app;

    private ServiceUnderTest(OrchestratorApplication app, ScratchFolder? scratch, ManualClock clock, FakeGrains grains)
    {
        (_app, _scratch, Clock, Grains) = (app, scratch, clock, grains);
        Http = new(new SocketsHttpHandler { AutomaticDecompression = DecompressionMethods.None, UseProxy = false }) { BaseAddress = app.Url };
    }

    public ManualClock Clock { get; }

    public FakeGrains Grains { get; }

    public HttpClient Http { get; }

    public OrchestratorApplication App => _app;

    public IServiceProvider Services => _app.Web.Services;

    /// <param name="home">A home to go on with; null: a new one, deleted afterwards.</param>
    /// <param name="clock">Null: a new one that stands at 2026-01-01, the golden requests' time.</param>
    /// <param name="overrides">Replaces services.</param>
    /// <param name="args">Further settings.</param>
    public static async Task<ServiceUnderTest> StartAsync(
        string? home = null, ManualClock? clock = null, Action<IServiceCollection>? overrides = null, params string[] args)
    {
        var scratch = home is null ? new ScratchFolder() : null;
        var (grains, time) = (new FakeGrains(), clock ?? new ManualClock());
        var app = OrchestratorApplication.Create(
            ["--PORT", "0", "--ORCHESTRATOR_HOME", home ?? scratch!.At("home"), "--DISPATCH_SECRET", Secret, "--ORCHESTRATOR_LOG_LEVEL", "none", .. args],
            services =>
            {
                services.AddSingleton<TimeProvider>(time).AddSingleton<IGrainFactory>(grains).AddSingleton<IAgentTable, FakeAgentTable>();
                overrides?.Invoke(services);
            });
        await app.StartAsync().Within("the service starts");
        return new(app, scratch, time, grains);
    }

    public T Get<T>()
        where T : notnull => Services.GetRequiredService<T>();

    public Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, Action<HttpRequestMessage>? change = null)
    {
        var request = new HttpRequestMessage(method, path);
        change?.Invoke(request);
        return Http.SendAsync(request).Within($"{method} {path} is answered");
    }

    public Task<HttpResponseMessage> PostSignedAsync(string path, string body, string? nonce = null, string secret = Secret, DateTimeOffset? at = null, string contentType = "application/json") =>
        SendAsync(HttpMethod.Post, path, request =>
        {
            request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(body)) { Headers = { ContentType = MediaTypeHeaderValue.Parse(contentType) } };
            Sign(request, body, nonce, secret, at);
        });

    public void Sign(HttpRequestMessage request, string body, string? nonce = null, string secret = Secret, DateTimeOffset? at = null)
    {
        var timestamp = (at ?? Clock.GetUtcNow()).ToUnixTimeMilliseconds().ToString(CultureInfo.InvariantCulture);
        nonce ??= Guid.NewGuid().ToString();
        request.Headers.Add("X-Dispatch-Timestamp", timestamp);
        request.Headers.Add("X-Dispatch-Nonce", nonce);
        request.Headers.Add("X-Dispatch-Signature", Signature(secret, timestamp, nonce, body));
    }

    public static string Signature(string secret, string timestamp, string nonce, string body) =>
        Convert.ToHexStringLower(HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret), Encoding.UTF8.GetBytes($"{timestamp}.{nonce}.{body}")));

    public static string ValidBody(string taskId = "task-1") =>
        $$"""{"taskId":"{{taskId}}","workerType":"script","prompt":"Say hi","webhookUrl":"https://example.com/api/internal/webhooks/task-complete","webhookSecret":"s3cret","repository":"acme/web"}""";

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await _app.Web.StopAsync().Within("the service stops");
        await _app.DisposeAsync();
        _scratch?.Dispose();
    }

    private sealed class FakeAgentTable : IAgentTable
    {
        public IReadOnlyList<string> WorkerTypes { get; } = ["auto", "codex-xhigh", "opus", "script"];

        public AgentLaunch CreateLaunch(SessionRequest session, TaskRequest request) => throw new NotSupportedException();

        public AgentReport ReadReport(string workerType, string sessionFolder, string? worktreePath) => throw new NotSupportedException();
    }
}

internal static class ResponseExtensions
{
    public static async Task<JsonElement> JsonAsync(this HttpResponseMessage response)
    {
        using var document = JsonDocument.Parse(await response.Content.ReadAsByteArrayAsync());
        return document.RootElement.Clone();
    }

    /// <summary>Checks that it is a problem of that status whose <c>error</c> is that text, and returns it.</summary>
    public static async Task<JsonElement> ProblemAsync(this HttpResponseMessage response, int status, string? error = null)
    {
        var text = await response.Content.ReadAsStringAsync();
        Assert.True((int)response.StatusCode == status, $"expected {status}, is {(int)response.StatusCode}: {text}");
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.MediaType);
        var problem = JsonDocument.Parse(text).RootElement;
        Assert.StartsWith("urn:orchestrator:problem:", problem.GetProperty("type").GetString(), StringComparison.Ordinal);
        Assert.Equal(status, problem.GetProperty("status").GetInt32());
        Assert.NotEmpty(problem.GetProperty("title").GetString()!);
        if (error is not null) Assert.Equal(error, problem.GetProperty("error").GetString());
        return problem;
    }
}
