using System.Text.Json;
using System.Text.Json.Nodes;
using Orchestrator.Grains.Callbacks;
using Orchestrator.Interfaces.AgentTasks;

namespace Orchestrator.Grains.Tests.Callbacks;

/// <summary>Bodies byte for byte as an existing dispatcher takes them (golden-callbacks.json: made-up values, exact shapes).</summary>
public sealed class CompletionPayloadTests
{
    private static readonly Remediation Retry = new("retry");

    public static TheoryData<string, string> Golden
    {
        get
        {
            var data = new TheoryData<string, string>();
            var path = Path.Combine(AppContext.BaseDirectory, "Callbacks", "golden-callbacks.json");
            foreach (var callback in JsonNode.Parse(File.ReadAllBytes(path))!.AsArray()) data.Add((string)callback!["name"]!, (string)callback["rawBody"]!);
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Golden))]
    public void It_is_what_the_receiver_takes(string name, string rawBody)
    {
        using var expected = JsonDocument.Parse(rawBody);
        var body = expected.RootElement;
        var written = CompletionPayload.Write(
            body.GetProperty("taskId").GetString()!, Enum.Parse<AgentTaskStatus>(body.GetProperty("status").GetString()!, ignoreCase: true),
            body.TryGetProperty("result", out var result) ? Result(result) : null, body.TryGetProperty("error", out var error) ? Error(error) : null,
            body.GetProperty("duration").GetInt64(), body.TryGetProperty("resumedCompletion", out _));
        Assert.True(rawBody == written, $"{name}: {written}");
    }

    [Fact]
    public void All_members_have_their_place()
    {
        var result = new TaskResult
        {
            Branch = "task/1",
            Commits = 1,
            Summary = "ö\u001b<\u2028\U0001F600",
            PartialWork = true,
            CostUsd = 0.1,
            CommitDetails = [new("0123", "first \"one\"")],
            ReportedJson = """{"needs_remediation":"1","ciFailed":true,"summary":"not ours","prUrl":"https://example.com/1"}""",
        };
        Assert.Equal(
            """
            {"taskId":"t","status":"interrupted","result":{"branch":"task/1","commits":1,"summary":"ö\u001b<TEXT","prUrl":"https://example.com/1","ciFailed":true,"partialWork":true,"needs_remediation":"1","commitDetails":[{"sha":"0123","message":"first \"one\""}],"costUsd":0.1},"duration":0}
            """.Replace("TEXT", "\u2028\U0001F600", StringComparison.Ordinal),
            CompletionPayload.Write("t", AgentTaskStatus.Interrupted, result, null, -5, false));
    }

    [Fact]
    public void An_error_says_what_to_do() => Assert.Equal(
        """{"taskId":"t","status":"failed","error":{"code":"AGENT_FAILED","message":"m","remediation":{"action":"retry","worktreePath":"/w"}},"duration":7}""",
        CompletionPayload.Write("t", AgentTaskStatus.Failed, null, new("AGENT_FAILED", "m", Retry with { WorktreePath = "/w" }), 7, false));

    [Theory]
    [InlineData(AgentTaskStatus.Completed)]
    [InlineData(AgentTaskStatus.Failed)]
    [InlineData(AgentTaskStatus.Running)]
    public void What_the_receiver_would_refuse_is_not_written(AgentTaskStatus status) =>
        Assert.ThrowsAny<ArgumentException>(() => CompletionPayload.Write("t", status, null, null, 0, false));

    private static TaskResult Result(JsonElement result)
    {
        string[] own = ["branch", "commits", "summary", "partialWork"];
        var reported = new JsonObject(result.EnumerateObject().Where(member => !own.Contains(member.Name)).Select(member => KeyValuePair.Create(member.Name, JsonNode.Parse(member.Value.GetRawText()))));
        using var document = JsonDocument.Parse(reported.ToJsonString());
        return new()
        {
            Branch = result.GetProperty("branch").GetString()!,
            Commits = result.GetProperty("commits").GetInt32(),
            Summary = result.GetProperty("summary").GetString()!,
            PartialWork = result.TryGetProperty("partialWork", out _),
            ReportedJson = ReportedMembers.Filter(document.RootElement),
        };
    }

    private static TaskError Error(JsonElement error)
    {
        var remediation = error.GetProperty("remediation");
        return new(
            error.GetProperty("code").GetString()!, error.GetProperty("message").GetString()!,
            new(remediation.GetProperty("action").GetString()!, remediation.GetProperty("retryAfter").GetInt32(), remediation.GetProperty("manualSteps").GetString()));
    }
}
