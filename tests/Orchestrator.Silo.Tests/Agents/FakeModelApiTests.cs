using System.Net;
using System.Text;
using Orchestrator.Testing.ModelApi;

namespace Orchestrator.Silo.Tests.Agents;

/// <summary>The fake model API refuses what the real one would, and what no test expects: otherwise it would prove nothing.</summary>
public sealed class FakeModelApiTests : IAsyncLifetime
{
    private const string Good = """{"model":"m","max_tokens":10,"stream":true,"tools":[{"name":"Bash","input_schema":{}}],"messages":[{"role":"user","content":"hello"}]}""";

    private FakeModelApi _api = null!;

    public async Task InitializeAsync() => _api = await FakeModelApi.StartAsync(ModelStep.Say("Hello “you”"), ModelStep.Bash("true"));

    public async Task DisposeAsync() => await _api.DisposeAsync();

    [Fact]
    public async Task A_proper_request_is_answered_by_the_next_step_of_its_session()
    {
        var (status, first) = await SendAsync(Good);
        var (_, second) = await SendAsync(Good);
        var (_, whole) = await SendAsync(Good.Replace("true", "false", StringComparison.Ordinal));

        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Contains("event: message_stop", first, StringComparison.Ordinal);
        Assert.Contains("\"stop_reason\":\"tool_use\"", second, StringComparison.Ordinal);
        Assert.Contains("(the script has ended)", whole, StringComparison.Ordinal);
        Assert.Empty(_api.Violations);
        Assert.Equal(3, _api.Requests.Count);
    }

    [Theory]
    [InlineData("no JSON", "The body is no JSON object.")]
    [InlineData("[]", "The body is no JSON object.")]
    [InlineData("""{"model":"","max_tokens":0,"stream":"yes"}""", "model is missing.", "max_tokens is no number above 0.", "stream is neither true nor false.", "No tools are offered.", "There are no messages.")]
    [InlineData("""{"model":"m","max_tokens":1,"tools":[{"name":"Bash"}],"messages":[{"role":"user","content":"x"}]}""", "A tool has no name or no input schema.")]
    [InlineData(
        """{"model":"m","max_tokens":1,"tools":[{"name":"Bash","input_schema":{}}],"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"t1"}]}]}""",
        "There is a result for a tool that nobody asked for: 't1'.")]
    [InlineData(
        """{"model":"m","max_tokens":1,"tools":[{"name":"Bash","input_schema":{}}],"messages":[{"role":"user","content":"x"},{"role":"assistant","content":[{"type":"tool_use","id":"t1"}]}]}""",
        "Tools without a result at the end: t1.")]
    [InlineData(
        """{"model":"m","max_tokens":1,"tools":[{"name":"Bash","input_schema":{}}],"messages":[{"role":"assistant","content":"x"},{"role":"robot"}]}""",
        "A message has the role 'robot'.", "A message has no content.", "The first message is the model's.")]
    public async Task A_body_that_breaks_a_rule_is_refused(string body, params string[] violations)
    {
        var (status, _) = await SendAsync(body);

        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Equal(violations, _api.Violations);
    }

    [Fact]
    public async Task Another_key_a_second_login_another_version_and_another_path_are_refused()
    {
        await SendAsync(Good, request =>
        {
            request.RequestUri = new Uri($"{_api.BaseUrl}/v1/complete");
            request.Headers.Remove("x-api-key");
            request.Headers.Add("x-api-key", "the key of a real account");
            request.Headers.Add("authorization", "Bearer x");
            request.Headers.Remove("anthropic-version");
            request.Headers.Remove("x-claude-code-session-id");
        });

        Assert.Equal(
            [
                "Unexpected request: POST /v1/complete", "Query is '', not '?beta=true'.", "anthropic-version is '', not 2023-06-01.", "x-api-key is not the key that the test gave the agent.",
                "A second login was sent: Authorization.", "x-claude-code-session-id is no UUID.",
            ],
            _api.Violations);
        Assert.Empty(_api.Requests);
    }

    [Fact]
    public async Task A_step_that_uses_a_tool_the_agent_does_not_offer_is_a_mistake_of_the_test()
    {
        _api.Play(ModelStep.Write("/x", ""));

        await SendAsync(Good);

        Assert.Equal(["The script asks for the tool Write, which the agent does not offer."], _api.Violations);
    }

    private async Task<(HttpStatusCode Status, string Body)> SendAsync(string body, Action<HttpRequestMessage>? change = null)
    {
        using var client = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Post, $"{_api.BaseUrl}/v1/messages?beta=true");
        request.Content = new StringContent(body, Encoding.UTF8, "application/json");
        request.Headers.Add("x-api-key", _api.ApiKey);
        request.Headers.Add("anthropic-version", "2023-06-01");
        request.Headers.Add("x-claude-code-session-id", "7b5d3a52-94f7-4c9e-8a60-000000000001");
        change?.Invoke(request);
        using var response = await client.SendAsync(request);
        return (response.StatusCode, await response.Content.ReadAsStringAsync());
    }
}
