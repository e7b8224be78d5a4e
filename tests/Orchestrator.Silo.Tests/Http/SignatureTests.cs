using System.Net.Http.Headers;
using System.Text;
using Orchestrator.Interfaces.AgentTasks;

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
        await (await service.SendAsync(HttpMethod.Get, "/health", request => request.Headers.Add("X-Dispatch-Nonce", Nonce))).ProblemAsync(401, "Missing authentication headers");
        Assert.Equal(200, (int)(await service.SendAsync(HttpMethod.Delete, "/tasks/t")).StatusCode);
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

    private static Task<HttpResponseMessage> SendAsync(ServiceUnderTest service, string timestamp, string nonce, string signature) =>
        service.SendAsync(HttpMethod.Post, "/tasks", request =>
        {
            request.Content = new StringContent(ServiceUnderTest.ValidBody()) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };
            request.Headers.TryAddWithoutValidation("X-Dispatch-Timestamp", timestamp);
            request.Headers.TryAddWithoutValidation("X-Dispatch-Nonce", nonce);
            request.Headers.TryAddWithoutValidation("X-Dispatch-Signature", signature);
        });
}
