using System.Text;
using System.Text.Json;
using Orchestrator.Silo.AgentTasks;

namespace Orchestrator.Silo.Tests.AgentTasks;

/// <summary>Every rule of <c>POST /tasks</c>, by a table: a valid body with one member changed.</summary>
public sealed class TaskRequestValidationTests
{
    private static readonly TaskRequestContext Context = new(
        ["auto", "opus", "script"], name => name is "LANG_OF_TASK" or "FOO", HasDefaultRepository: false, url => url.Contains("10.0.0.1", StringComparison.Ordinal) ? "is a private address" : null)
    {
        FindUnknownTasks = ids => [.. ids.Where(id => !id.StartsWith("known", StringComparison.Ordinal))],
    };

    [Theory]
    [InlineData("taskId", "null")]
    [InlineData("taskId", "\"\"")]
    [InlineData("taskId", "5")]
    [InlineData("taskId", "\"-a\"")]
    [InlineData("taskId", "\"_a\"")]
    [InlineData("taskId", "\"a b\"")]
    [InlineData("taskId", "\"a/b\"")]
    [InlineData("taskId", "\"a\\n\"")]
    [InlineData("taskId", "\"é\"")]
    [InlineData("taskId", "\"..\"")]
    [InlineData("workerType", "null")]
    [InlineData("workerType", "\"gpt-9\"")]
    [InlineData("workerType", "[]")]
    [InlineData("prompt", "null")]
    [InlineData("prompt", "\"\"")]
    [InlineData("prompt", "\"a\\u0000b\"")]
    [InlineData("prompt", "{}")]
    [InlineData("webhookUrl", "null")]
    [InlineData("webhookUrl", "\"ftp://example.com/x\"")]
    [InlineData("webhookUrl", "\"/relative\"")]
    [InlineData("webhookUrl", "\"file:///etc/passwd\"")]
    [InlineData("webhookUrl", "\"javascript:alert(1)\"")]
    [InlineData("webhookUrl", "\"http://10.0.0.1/x\"")]
    [InlineData("webhookSecret", "null")]
    [InlineData("webhookSecret", "\"\"")]
    [InlineData("repository", "null")]
    [InlineData("repository", "\"acme\"")]
    [InlineData("repository", "\"acme/web/x\"")]
    [InlineData("repository", "\"../web\"")]
    [InlineData("repository", "\"acme/..\"")]
    [InlineData("repository", "\"acme/we b\"")]
    [InlineData("repository", "\"acme/web\\n\"")]
    [InlineData("baseBranch", "\"-x\"")]
    [InlineData("baseBranch", "\"a..b\"")]
    [InlineData("baseBranch", "\"a//b\"")]
    [InlineData("baseBranch", "\"a@{b\"")]
    [InlineData("baseBranch", "\"a.lock\"")]
    [InlineData("baseBranch", "\"a/\"")]
    [InlineData("baseBranch", "\"a.\"")]
    [InlineData("baseBranch", "\"a b\"")]
    [InlineData("continuationPrBranch", "\"a~1\"")]
    [InlineData("linearIssueLabels", "\"bug\"")]
    [InlineData("linearIssueLabels", "[1]")]
    [InlineData("hasChildren", "\"true\"")]
    [InlineData("linearIssueId", "42")]
    [InlineData("agentType", "\"coder\"")]
    [InlineData("prNumber", "0")]
    [InlineData("prNumber", "1.5")]
    [InlineData("prNumber", "\"1\"")]
    [InlineData("prNumber", "99999999999")]
    [InlineData("continuationPrNumber", "-1")]
    [InlineData("reviewTypes", "{}")]
    [InlineData("timeoutHours", "0")]
    [InlineData("timeoutHours", "13")]
    [InlineData("timeoutHours", "1.5")]
    [InlineData("timeoutSeconds", "0")]
    [InlineData("timeoutSeconds", "43201")]
    [InlineData("sentryIssue", "\"x\"")]
    [InlineData("executionMemoryContext", "[]")]
    [InlineData("priority", "101")]
    [InlineData("priority", "-101")]
    [InlineData("priority", "1e1000")]
    [InlineData("dependsOn", "[\"unknown\"]")]
    [InlineData("dependsOn", "[\"known\",\"known\"]")]
    [InlineData("dependsOn", "[\"known\",\"\"]")]
    [InlineData("dependsOn", "[\"../x\"]")]
    [InlineData("dependsOn", "[1]")]
    [InlineData("dependsOn", "\"other\"")]
    [InlineData("budget", "5")]
    [InlineData("budget.maxCostUsd", "0")]
    [InlineData("budget.maxTurns", "0")]
    [InlineData("budget.maxTurns", "2.5")]
    [InlineData("environment", "{\"SECRET\":\"x\"}")]
    [InlineData("environment", "{\"FOO\":1}")]
    [InlineData("environment", "{\"FOO\":\"a\\u0000\"}")]
    [InlineData("environment", "{\"A=B\":\"x\"}")]
    [InlineData("environment", "[]")]
    public void A_value_that_breaks_its_rule_is_named(string field, string value)
    {
        var reading = Read(Change(field, value));
        Assert.Null(reading.Request);
        Assert.Equal([field], reading.Errors!.Keys);
        Assert.Contains(field, reading.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("s3cret", reading.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("taskId", "\"A\"")]
    [InlineData("taskId", "\"task_3f2b8c1e-9d47-4a6e-8b1f-0c2d4e6f8a10\"")]
    [InlineData("prompt", "\"'; $(rm) `x` \\u001b[31m 😀 \\u2028\"")]
    [InlineData("webhookUrl", "\"http://example.com:8080/a?b=c\"")]
    [InlineData("repository", "\"acme/.github\"")]
    [InlineData("baseBranch", "\"feature/a-b_c.d\"")]
    [InlineData("baseBranch", "null")]
    [InlineData("baseBranch", "\"\"")]
    [InlineData("continuationPrBranch", "\"\"")]
    [InlineData("agentType", "\"\"")]
    [InlineData("linearIssueId", "\"\"")]
    [InlineData("linearIssueLabels", "[]")]
    [InlineData("agentType", "\"ask_agent\"")]
    [InlineData("timeoutHours", "12")]
    [InlineData("timeoutSeconds", "43200")]
    [InlineData("priority", "-100")]
    [InlineData("dependsOn", "[]")]
    [InlineData("dependsOn", "[\"known\",\"known-too\"]")]
    [InlineData("budget", "{\"maxCostUsd\":0.5,\"other\":1}")]
    [InlineData("environment", "{\"FOO\":\"\",\"LANG_OF_TASK\":\"de\"}")]
    [InlineData("traceId", "{\"deep\":[1]}")]
    [InlineData("systemPromptHash", "null")]
    public void A_value_within_its_rule_is_taken(string field, string value)
    {
        var reading = Read(Change(field, value));
        Assert.True(reading.Request is not null, reading.Error);
    }

    [Fact]
    public void Dependencies_are_known_tasks_other_than_this_one_and_at_most_fifty()
    {
        Assert.Contains("gone-1, gone-2", Read(Change("dependsOn", "[\"gone-1\",\"known\",\"gone-2\"]")).Error, StringComparison.Ordinal);
        Assert.Contains("itself", Read("""{"taskId":"known-me","workerType":"script","prompt":"p","webhookUrl":"https://example.com/x","webhookSecret":"s","repository":"a/b","dependsOn":["known-me"]}""").Error, StringComparison.Ordinal);
        string Many(int count) => $"[{string.Join(',', Enumerable.Range(0, count).Select(i => $"\"known-{i}\""))}]";
        Assert.NotNull(Read(Change("dependsOn", Many(50))).Request);
        Assert.Null(Read(Change("dependsOn", Many(51))).Request);

        // It may have been taken while they were known.
        Assert.NotNull(Read(Change("dependsOn", "[\"gone\"]")).TakenBefore);
        Assert.Null(Read(Change("dependsOn", "[\"known\",\"known\"]")).TakenBefore);
    }

    [Fact]
    public void All_bad_fields_are_named_at_once()
    {
        var reading = Read("""{"taskId":"-","workerType":"x","webhookUrl":"x","priority":1000,"environment":{"A":"1","B":"2"}}""");
        Assert.Equal(["environment", "priority", "prompt", "repository", "taskId", "webhookSecret", "webhookUrl", "workerType"], reading.Errors!.Keys.Order());
        Assert.Equal(2, reading.Errors["environment"].Count);
        Assert.Contains("auto, opus, script", reading.Errors["workerType"][0], StringComparison.Ordinal);
    }

    [Fact]
    public void A_prompt_may_have_256_KiB_of_UTF_8_and_no_more()
    {
        var full = new string('é', 128 * 1024);
        Assert.Equal(full, Read(Change("prompt", JsonSerializer.Serialize(full))).Request!.Prompt);
        Assert.Equal(["prompt"], Read(Change("prompt", JsonSerializer.Serialize(full + "a"))).Errors!.Keys);
    }

    [Fact]
    public void A_task_without_repository_needs_a_default_one() =>
        Assert.NotNull(TaskRequestValidation.Read(Bytes(Change("repository", "null")), Context with { HasDefaultRepository = true }).Request);

    [Theory]
    [InlineData("repository")]
    [InlineData("baseBranch")]
    [InlineData("continuationPrBranch")]
    [InlineData("agentType")]
    [InlineData("slug")]
    public void An_empty_text_counts_as_not_sent(string field)
    {
        var context = Context with { HasDefaultRepository = true };
        var empty = TaskRequestValidation.Read(Bytes(Change(field, "\"\"")), context).Request!;
        var missing = TaskRequestValidation.Read(Bytes(Change(field, "null")), context).Request!;
        Assert.Equal(RequestFingerprint.Compute(missing), RequestFingerprint.Compute(empty));
        Assert.Equal((null, null), (empty.BaseBranch, empty.Slug));
    }

    [Theory]
    [InlineData("slug", 20_000, true)]
    [InlineData("slug", 20_001, false)]
    [InlineData("linearIssueLabels", 1_000, true)]
    [InlineData("linearIssueLabels", 1_001, false)]
    public void Texts_and_lists_have_a_limit(string field, int size, bool isTaken)
    {
        var value = field == "slug" ? $"\"{new string('a', size)}\"" : $"[{string.Join(',', Enumerable.Repeat("\"a\"", size))}]";
        Assert.Equal(isTaken, Read(Change(field, value)).Request is not null);
    }

    [Theory]
    [InlineData("workerType", "\"gone\"", true)]
    [InlineData("environment", "{\"SECRET\":\"x\"}", true)]
    [InlineData("environment", "{\"SECRET\":1}", false)]
    [InlineData("environment", "{\"A=B\":\"x\"}", false)]
    [InlineData("prompt", "5", false)]
    [InlineData("webhookUrl", "\"http://10.0.0.1/x\"", true)]
    [InlineData("repository", "null", true)]
    [InlineData("repository", "\"acme\"", false)]
    public void What_only_this_configuration_does_not_take_may_have_been_taken_before(string field, string value, bool mayBe) =>
        Assert.Equal(mayBe, Read(Change(field, value)).TakenBefore is not null);

    [Fact]
    public void Hours_and_seconds_exclude_each_other() =>
        Assert.Equal(["timeoutSeconds"], Read(Change("timeoutSeconds", "60").Replace("\"prompt\"", "\"timeoutHours\":1,\"prompt\"", StringComparison.Ordinal)).Errors!.Keys);

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("\"x\"")]
    [InlineData("{")]
    [InlineData("{} {}")]
    [InlineData("{\"a\":1,}")]
    [InlineData("// x\n{}")]
    [InlineData("{'a':1}")]
    [InlineData("\uFEFF{}")]
    [InlineData("{\"a\":1,\"a\":2}")]
    [InlineData("{\"a\":1,\"\\u0061\":2}")]
    [InlineData("{\"x\":[{\"b\":1,\"b\":1}]}")]
    [InlineData("{\"x\":\"\\ud800\"}")]
    [InlineData("{\"x\":[\"\\udc00\\ud800\"]}")]
    [InlineData("{\"\\ud800\":1}")]
    public void A_body_that_readers_could_understand_differently_is_refused(string body)
    {
        var reading = Read(body);
        Assert.Null(reading.Request);
        Assert.Null(reading.Errors);
        Assert.StartsWith("Body", reading.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Bytes_that_are_no_UTF_8_are_refused()
    {
        foreach (byte[] bad in new byte[][] { [0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xE2, 0x82] })
        {
            var reading = TaskRequestValidation.Read((byte[])[.. "{\"x\":\""u8, .. bad, .. "\"}"u8], Context);
            Assert.Equal("Body is not valid UTF-8", reading.Error);
        }
    }

    [Theory]
    [InlineData(31, true)]
    [InlineData(32, false)]
    public void Thirty_two_levels_are_taken(int inner, bool isTaken)
    {
        var reading = Read(Change("x", new string('[', inner) + new string(']', inner)));
        Assert.Equal(isTaken, reading.Request is not null);
    }

    [Fact]
    public void The_fingerprint_tells_requests_apart_by_what_they_ask_for()
    {
        var first = Hash(Change("sentryIssue", """{"a":1,"b":"é"}"""));
        Assert.Matches("^[0-9a-f]{64}$", first);
        Assert.Equal(first, Hash(Change("sentryIssue", """{ "b":"\u00e9", "a":1 }""")));
        Assert.Equal(first, Hash(Change("sentryIssue", """{"a":1,"b":"é"}""").Replace("\"prompt\"", "\"traceId\":\"t\",\"prompt\"", StringComparison.Ordinal)));
        Assert.Equal(first, Hash(Change("sentryIssue", """{"a":1,"b":"é"}""").Replace("\"prompt\"", "\"executionMemoryContext\":{\"x\":1},\"prompt\"", StringComparison.Ordinal)));
        Assert.NotEqual(first, Hash(Change("sentryIssue", """{"a":2,"b":"é"}""")));
        Assert.NotEqual(Hash(Change("prompt", "\"a\"")), Hash(Change("prompt", "\"b\"")));
        Assert.NotEqual(Hash(Change("webhookSecret", "\"a\"")), Hash(Change("webhookSecret", "\"b\"")));
        Assert.Equal(Hash(Change("environment", """{"FOO":"1","LANG_OF_TASK":"2"}""")), Hash(Change("environment", """{"LANG_OF_TASK":"2","FOO":"1"}""")));
    }

    private static string Hash(string body) => RequestFingerprint.Compute(Read(body).Request ?? throw new InvalidOperationException(Read(body).Error));

    private static TaskRequestReading Read(string body) => TaskRequestValidation.Read(Bytes(body), Context);

    private static byte[] Bytes(string body) => Encoding.UTF8.GetBytes(body);

    /// <summary>A valid body with one member replaced, as text: what a serializer would not write is tested too.</summary>
    private static string Change(string field, string json)
    {
        var members = new Dictionary<string, string>
        {
            ["taskId"] = "\"task-1\"",
            ["workerType"] = "\"script\"",
            ["prompt"] = "\"Say hi\"",
            ["webhookUrl"] = "\"https://example.com/x\"",
            ["webhookSecret"] = "\"s3cret\"",
            ["repository"] = "\"acme/web\"",
        };
        var path = field.Split('.');
        members[path[0]] = path.Length == 1 ? json : $"{{\"{path[1]}\":{json}}}";
        return "{" + string.Join(',', members.Select(member => $"\"{member.Key}\":{member.Value}")) + "}";
    }
}
