using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Orchestrator.Interfaces.AgentTasks;
using Orchestrator.Silo.Access;
using Orchestrator.Testing;
using Orleans.Runtime;

namespace Orchestrator.Silo.Tests.Http;

/// <summary>Contract §1.</summary>
public sealed class SignatureTests
{
    private const string Nonce = "00000000-0000-4000-8000-0000000000aa";

    [Theory]
    [InlineData("X-Dispatch-Timestamp")]
    [InlineData("X-Dispatch-Nonce")]
    [InlineData("X-Dispatch-Signature")]
    public async Task Each_header_must_be_there(string missing)
    {
        await using var service = await ServiceUnderTest.StartAsync();
        var response = await service.SendAsync(HttpMethod.Post, "/tasks", request =>
        {
            request.Content = new StringContent(ServiceUnderTest.ValidBody(), Encoding.UTF8, "application/json");
            service.Sign(request, ServiceUnderTest.ValidBody());
            request.Headers.Remove(missing);
        });
        await response.ProblemAsync(401, "Missing authentication headers");
        Assert.NotNull(response.Headers.Date);
        Assert.Empty(service.Grains.Tasks);
    }

    [Theory]
    [InlineData(-300_001, false)]
    [InlineData(-300_000, true)]
    [InlineData(0, true)]
    [InlineData(300_000, true)]
    [InlineData(300_001, false)]
    public async Task The_time_may_be_five_minutes_off(int milliseconds, bool isAccepted)
    {
        await using var service = await ServiceUnderTest.StartAsync();
        var response = await service.PostSignedAsync("/tasks", ServiceUnderTest.ValidBody(), at: service.Clock.GetUtcNow().AddMilliseconds(milliseconds));
        if (isAccepted) Assert.Equal(202, (int)response.StatusCode);
        else await response.ProblemAsync(401, "Timestamp too old or too new");
    }

    [Theory]
    [InlineData("1767225600")]
    [InlineData("+1767225600000")]
    [InlineData("-1767225600000")]
    [InlineData("1767225600000.0")]
    [InlineData("0x19b7a2c5800")]
    [InlineData("99999999999999999999999999")]
    [InlineData("999999999999999")]
    [InlineData("now")]
    public async Task A_malformed_time_is_too_old_or_too_new(string timestamp)
    {
        await using var service = await ServiceUnderTest.StartAsync();
        await (await SendAsync(service, timestamp, Nonce, ServiceUnderTest.Signature(ServiceUnderTest.Secret, timestamp, Nonce, ServiceUnderTest.ValidBody())))
            .ProblemAsync(401, "Timestamp too old or too new");
    }

    [Theory]
    [InlineData("00000000-0000-1000-8000-0000000000aa")]
    [InlineData("00000000-0000-4000-c000-0000000000aa")]
    [InlineData("0000000000004000800000000000000aa")]
    [InlineData("{00000000-0000-4000-8000-0000000000aa}")]
    [InlineData("00000000-0000-4000-8000-0000000000aa.x")]
    [InlineData("+0000000-0000-4000-8000-0000000000aa")]
    [InlineData("0x000000-0000-4000-8000-0000000000aa")]
    [InlineData("00000000-+000-4000-8000-0000000000aa")]
    [InlineData("00000000-0x00-4000-8000-0000000000aa")]
    [InlineData("00000000-0000-4000-8000-+000000000aa")]
    [InlineData("00000000-0000-4000-8000-0x00000000aa")]
    [InlineData("1")]
    public async Task A_nonce_that_is_no_canonical_version_4_is_an_invalid_signature(string nonce)
    {
        await using var service = await ServiceUnderTest.StartAsync();
        await (await service.PostSignedAsync("/tasks", ServiceUnderTest.ValidBody(), nonce)).ProblemAsync(401, "Invalid signature");
    }

    [Theory]
    [InlineData("")]
    [InlineData("zz")]
    [InlineData("00")]
    public async Task A_malformed_signature_is_invalid_and_an_empty_one_missing(string signature)
    {
        await using var service = await ServiceUnderTest.StartAsync();
        var timestamp = service.Clock.GetUtcNow().ToUnixTimeMilliseconds().ToString();
        await (await SendAsync(service, timestamp, Nonce, signature)).ProblemAsync(401, signature.Length == 0 ? "Missing authentication headers" : "Invalid signature");
    }

    [Fact]
    public async Task A_wrong_signature_spends_nothing()
    {
        await using var service = await ServiceUnderTest.StartAsync();
        await (await service.PostSignedAsync("/tasks", ServiceUnderTest.ValidBody(), Nonce, secret: "another")).ProblemAsync(401, "Invalid signature");
        Assert.Equal(202, (int)(await service.PostSignedAsync("/tasks", ServiceUnderTest.ValidBody(), Nonce)).StatusCode);
    }

    [Fact]
    public async Task A_nonce_is_spent_whatever_the_answer_is()
    {
        await using var service = await ServiceUnderTest.StartAsync();
        await (await service.PostSignedAsync("/tasks", "{}", Nonce)).ProblemAsync(400);
        await (await service.PostSignedAsync("/tasks", ServiceUnderTest.ValidBody(), Nonce)).ProblemAsync(401, "Nonce already used");

        // "Nonce already used" is found before the signature is looked at.
        await (await service.PostSignedAsync("/tasks", ServiceUnderTest.ValidBody(), Nonce, secret: "another")).ProblemAsync(401, "Nonce already used");
    }

    [Fact]
    public async Task Of_concurrent_requests_with_one_nonce_one_counts()
    {
        await using var service = await ServiceUnderTest.StartAsync();
        for (var round = 0; round < 5; round++)
        {
            var nonce = Guid.NewGuid().ToString();
            var id = $"race-{round}";
            var all = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => service.PostSignedAsync("/tasks", ServiceUnderTest.ValidBody(id), nonce)));
            Assert.Single(all, response => (int)response.StatusCode == 202);
            foreach (var response in all.Where(response => (int)response.StatusCode != 202)) await response.ProblemAsync(401, "Nonce already used");
            Assert.Single(service.Grains.Task(id).Submissions);
        }
    }

    [Fact]
    public async Task Every_secret_of_the_list_counts()
    {
        await using var service = await ServiceUnderTest.StartAsync(args: ["--DISPATCH_SECRET", "old-one, new-one"]);
        Assert.Equal(202, (int)(await service.PostSignedAsync("/tasks", ServiceUnderTest.ValidBody("a"), secret: "old-one")).StatusCode);
        Assert.Equal(202, (int)(await service.PostSignedAsync("/tasks", ServiceUnderTest.ValidBody("b"), secret: "new-one")).StatusCode);
        await (await service.PostSignedAsync("/tasks", ServiceUnderTest.ValidBody("c"), secret: "old-one, new-one")).ProblemAsync(401, "Invalid signature");
    }

    [Theory]
    [InlineData("")]
    [InlineData("undefined")]
    public async Task Without_a_body_nothing_and_undefined_are_signed(string signed)
    {
        await using var service = await ServiceUnderTest.StartAsync(args: ["--ACCESS", "signed"]);
        service.Grains.Task("t").Cancel = CancelResult.Cancelled;
        var response = await service.SendAsync(HttpMethod.Delete, "/tasks/t", request => service.Sign(request, signed));
        Assert.Equal(200, (int)response.StatusCode);
    }

    [Fact]
    public async Task Undefined_is_no_signature_of_a_body_that_is_there()
    {
        await using var service = await ServiceUnderTest.StartAsync();
        var response = await service.SendAsync(HttpMethod.Post, "/tasks", request =>
        {
            request.Content = new StringContent(ServiceUnderTest.ValidBody(), Encoding.UTF8, "application/json");
            service.Sign(request, "undefined");
        });
        await response.ProblemAsync(401, "Invalid signature");
    }

    [Fact]
    public async Task A_signature_on_an_open_route_is_checked()
    {
        await using var service = await ServiceUnderTest.StartAsync();
        service.Grains.Task("t").Cancel = CancelResult.Cancelled;
        await (await service.SendAsync(HttpMethod.Delete, "/tasks/t", request => service.Sign(request, "", secret: "another"))).ProblemAsync(401, "Invalid signature");
        Assert.Equal(200, (int)(await service.SendAsync(HttpMethod.Delete, "/tasks/t")).StatusCode);
    }

    [Fact]
    public async Task A_route_for_everybody_answers_whatever_signature_is_sent_along()
    {
        await using var service = await ServiceUnderTest.StartAsync();
        Assert.Equal(200, (int)(await service.SendAsync(HttpMethod.Get, "/health", request => request.Headers.Add("X-Dispatch-Nonce", Nonce))).StatusCode);
        Assert.Equal(200, (int)(await service.SendAsync(HttpMethod.Get, "/health", request => service.Sign(request, "", Nonce, secret: "another"))).StatusCode);
        Assert.Equal(200, (int)(await service.SendAsync(HttpMethod.Get, "/health", request => service.Sign(request, "", Nonce))).StatusCode);
        Assert.Equal(202, (int)(await service.PostSignedAsync("/tasks", ServiceUnderTest.ValidBody(), Nonce)).StatusCode);
    }

    [Fact]
    public async Task An_old_time_is_told_before_a_spent_nonce()
    {
        await using var service = await ServiceUnderTest.StartAsync();
        Assert.Equal(202, (int)(await service.PostSignedAsync("/tasks", ServiceUnderTest.ValidBody(), Nonce)).StatusCode);
        await (await service.PostSignedAsync("/tasks", ServiceUnderTest.ValidBody(), Nonce, at: service.Clock.GetUtcNow().AddMinutes(-6)))
            .ProblemAsync(401, "Timestamp too old or too new");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_database_that_fails_at_the_nonce_is_503_and_nothing_is_taken(bool atLook)
    {
        await using var service = await ServiceUnderTest.StartAsync(overrides: services => services.AddSingleton<INonces>(new FailingNonces(atLook)));
        var response = await service.PostSignedAsync("/tasks", ServiceUnderTest.ValidBody());
        await response.ProblemAsync(503, "Database not writable");
        Assert.Equal(30, response.Headers.RetryAfter!.Delta!.Value.TotalSeconds);
        Assert.Empty(service.Grains.Tasks);
    }

    [Theory]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n")]
    [InlineData("Content-Length: 2000000\r\n\r\n")]
    public async Task A_route_without_a_body_does_not_wait_for_the_end_of_one(string rest)
    {
        await using var service = await ServiceUnderTest.StartAsync();
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, service.App.Url.Port);
        await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes("DELETE /tasks/t HTTP/1.1\r\nHost: localhost\r\n" + rest));
        using var reader = new StreamReader(client.GetStream());
        Assert.StartsWith("HTTP/1.1 400", await reader.ReadLineAsync().Within("the answer"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_length_that_is_only_announced_takes_little_memory()
    {
        var context = new DefaultHttpContext();
        context.Request.ContentLength = RequestBody.BytesMax;
        context.Request.Body = new MemoryStream("hello"u8.ToArray());
        var before = GC.GetAllocatedBytesForCurrentThread();
        var reading = RequestBody.ReadAsync(context);
        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.True(reading.IsCompleted);
        Assert.Equal("hello"u8.ToArray(), (await reading).ToArray());
        Assert.InRange(allocated, 1, 512 * 1024);
    }

    [Fact]
    public async Task A_route_without_a_body_refuses_one()
    {
        await using var service = await ServiceUnderTest.StartAsync();
        service.Grains.Task("t").Cancel = CancelResult.Cancelled;
        await (await service.SendAsync(HttpMethod.Delete, "/tasks/t", request => request.Content = new StringContent("x"))).ProblemAsync(400, "This route takes no body");
        await (await service.SendAsync(HttpMethod.Post, "/admin/shutdown", request => request.Content = new StringContent("{}"))).ProblemAsync(400, "This route takes no body");
        Assert.Equal(Health.ServiceStage.Ready, service.Get<Health.ServiceStatus>().Stage);
    }

    private sealed class FailingNonces(bool atLook) : INonces
    {
        public NonceState Look(Guid nonce, DateTimeOffset signedAt) => atLook ? throw new OrleansException("the disk says no") : NonceState.Fresh;

        public Task<NonceState> SpendAsync(Guid nonce, DateTimeOffset signedAt) => Task.FromException<NonceState>(new OrleansException("the disk says no"));
    }

    private static Task<HttpResponseMessage> SendAsync(ServiceUnderTest service, string timestamp, string nonce, string signature) =>
        service.SendAsync(HttpMethod.Post, "/tasks", request =>
        {
            request.Content = new StringContent(ServiceUnderTest.ValidBody()) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };
            request.Headers.TryAddWithoutValidation("X-Dispatch-Timestamp", timestamp);
            request.Headers.TryAddWithoutValidation("X-Dispatch-Nonce", nonce);
            request.Headers.TryAddWithoutValidation("X-Dispatch-Signature", signature);
        });
}
