using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Orchestrator.Interfaces.AgentTasks;

namespace Orchestrator.Silo.Tests.Http;

/// <summary>What an existing dispatcher sends, byte for byte (Golden/requests.json).</summary>
public sealed class GoldenRequestTests
{
    internal static JsonElement AcceptedHealth => Golden.GetProperty("healthProbe").GetProperty("acceptedBody");

    private static readonly JsonElement Golden =
        JsonDocument.Parse(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Http", "Golden", "requests.json"))).RootElement;

    [Theory]
    [InlineData("dispatch")]
    [InlineData("dispatchMinimal")]
    public async Task A_dispatchers_task_is_accepted(string name)
    {
        await using var service = await ServiceUnderTest.StartAsync();
        var response = await SendAsync(service, Golden.GetProperty(name));

        Assert.Equal(202, (int)response.StatusCode);
        var body = await response.JsonAsync();
        var sent = JsonDocument.Parse(Golden.GetProperty(name).GetProperty("rawBody").GetString()!).RootElement;
        Assert.Equal(["status", "taskId"], body.EnumerateObject().Select(member => member.Name).Order());
        Assert.Equal("accepted", body.GetProperty("status").GetString());
        Assert.Equal(sent.GetProperty("taskId").GetString(), body.GetProperty("taskId").GetString());

        var submission = Assert.Single(service.Grains.Task(sent.GetProperty("taskId").GetString()!).Submissions);
        var stored = JsonDocument.Parse(submission.RequestJson).RootElement;
        Assert.Equal(sent.GetProperty("prompt").GetString(), stored.GetProperty("prompt").GetString());
        Assert.Equal(name == "dispatch" ? "trace_7a1c0e52-6d0b-4f0e-9a55-1f3f6f0f7b21" : null, submission.TraceId);
        Assert.False(stored.TryGetProperty("systemPromptHash", out _), "an unknown field was kept");
    }

    [Fact]
    public async Task The_same_bytes_twice_count_once()
    {
        await using var service = await ServiceUnderTest.StartAsync();
        Assert.Equal(202, (int)(await SendAsync(service, Golden.GetProperty("dispatch"))).StatusCode);
        await (await SendAsync(service, Golden.GetProperty("dispatch"))).ProblemAsync(401, "Nonce already used");
    }

    [Fact]
    public async Task A_cancel_through_the_tunnel_is_refused_unless_access_is_open()
    {
        await using (var service = await ServiceUnderTest.StartAsync())
            await (await SendAsync(service, Golden.GetProperty("cancel"))).ProblemAsync(401, "Missing authentication headers");

        await using var open = await ServiceUnderTest.StartAsync(args: ["--ACCESS", "open"]);
        open.Grains.Task("task_3f2b8c1e-9d47-4a6e-8b1f-0c2d4e6f8a10").Cancel = CancelResult.Cancelled;
        var response = await SendAsync(open, Golden.GetProperty("cancel"));
        Assert.Equal(200, (int)response.StatusCode);
        Assert.Equal("cancelled", (await response.JsonAsync()).GetProperty("status").GetString());
    }

    [Fact]
    public async Task The_health_probe_finds_what_it_wants()
    {
        await using var service = await ServiceUnderTest.StartAsync();
        var response = await SendAsync(service, Golden.GetProperty("healthProbe"));
        Assert.Equal(200, (int)response.StatusCode);
        HealthShape.Check(await response.JsonAsync(), Golden.GetProperty("healthProbe").GetProperty("acceptedBody"));
    }

    [Fact]
    public async Task A_shutdown_with_an_empty_JSON_body_is_fine()
    {
        await using var service = await ServiceUnderTest.StartAsync();
        var response = await SendAsync(service, Golden.GetProperty("adminShutdown"));
        Assert.Equal(200, (int)response.StatusCode);
        Assert.Equal("""{"status":"shutting_down","runningTasks":1}""", await response.Content.ReadAsStringAsync());
    }

    private static Task<HttpResponseMessage> SendAsync(ServiceUnderTest service, JsonElement golden)
    {
        var body = golden.TryGetProperty("rawBody", out var raw) ? raw.GetString()! : "";
        return service.SendAsync(new(golden.GetProperty("method").GetString()!), golden.GetProperty("path").GetString()!, request =>
        {
            var headers = golden.GetProperty("headers").EnumerateObject().ToList();
            if (body.Length > 0 || headers.Any(header => header.NameEquals("content-length"))) request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(body));
            foreach (var header in headers)
            {
                if (string.Equals(header.Name, "content-length", StringComparison.OrdinalIgnoreCase)) continue;
                if (string.Equals(header.Name, "content-type", StringComparison.OrdinalIgnoreCase)) request.Content!.Headers.ContentType = MediaTypeHeaderValue.Parse(header.Value.GetString()!);
                else request.Headers.TryAddWithoutValidation(header.Name, header.Value.GetString());
            }
        });
    }
}
