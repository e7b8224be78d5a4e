using System.Security.Cryptography;
using System.Text;
using Orchestrator.Silo.AgentTasks;
using Orchestrator.Silo.Tests.Service;
using Orchestrator.Testing.Service;

namespace Orchestrator.Silo.Tests.Scripts;

/// <summary><c>scripts/submit.sh</c> against the service: what the agent gets is what was given, byte for byte.</summary>
public sealed class SubmitTests(ServiceFixture fixture) : IClassFixture<ServiceFixture>
{
    private readonly ServiceBed _bed = fixture.Bed;

    public static TheoryData<string, string> Prompts => new()
    {
        { "quotes", "say \"hello\" and 'bye' $HOME `id` $(id) %s %n" },
        { "backslashes", "\\ \\\\ \\n \\u0041 \\\" C:\\new\\table ends with \\" },
        { "controls", string.Concat(Enumerable.Range(1, 31).Append(127).Select(code => $"<{(char)code}>")) },
        { "unicode", "grüße 😀 \u2028\u2029 \ufeff \u0085 日本語 e\u0301 \U0010ffff" },
        { "line-ends", "first\r\nsecond\rthird\n\n\n" },
        { "only-line-ends", "\n\n" },
        { "no-line-end", "one line" },
        { "like-the-mark", "ends with x\nx\\nx" },
        { "like-an-option", "-n --worker \n-e" },
        { "many-lines", Repeat("line \"of\" many \\ 😀\t\n") },
        { "one-long-line", Repeat("no line end, \"quotes\", 😀; ") },
    };

    [ScriptTheory]
    [MemberData(nameof(Prompts))]
    public async Task A_prompt_on_standard_input_comes_to_the_agent_as_it_is(string name, string prompt)
    {
        var bytes = Encoding.UTF8.GetBytes(prompt);
        var run = await SubmitAsync($"prompt-{name}", bytes);
        Assert.Equal((0, $$"""{"taskId":"prompt-{{name}}","status":"accepted"}""" + "\n", ""), (run.ExitCode, run.Output, run.Error));
        await AssertArrivedAsync($"prompt-{name}", bytes);
    }

    [ScriptFact]
    public async Task A_prompt_as_an_argument_comes_to_the_agent_as_it_is()
    {
        const string prompt = "fix \"it\"\n\\n 😀\n\n";
        var run = await SubmitAsync("prompt-argument", [], prompt);
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        await AssertArrivedAsync("prompt-argument", Encoding.UTF8.GetBytes(prompt));
    }

    [ScriptFact]
    public async Task A_wrong_secret_ends_with_1_and_shows_the_answer()
    {
        var secret = _bed.Place.At("wrong-secret");
        await File.WriteAllTextAsync(secret, "not-the-secret\n");
        var run = await SubmitAsync("prompt-wrong", Encoding.UTF8.GetBytes("x"), "--secret", secret);
        Assert.Equal(1, run.ExitCode);
        Assert.Contains("\"status\":401", run.Output);
        Assert.Contains("answered with 401", run.Error);
        Assert.Equal(404, (int)(await _bed.Service.GetAsync("/tasks/prompt-wrong")).Status);
    }

    [ScriptTheory]
    [InlineData(64)]
    [InlineData(65)]
    [InlineData(200)]
    public async Task Secrets_that_fill_a_block_of_the_hash_or_more_sign(int length)
    {
        // RFC 2104 hashes a key that is longer than a block (64 bytes) first.
        var secret = string.Concat(Enumerable.Repeat("s3cret-", 30))[..length];
        var place = new ServicePlace();
        try
        {
            var settings = new Dictionary<string, string> { ["DISPATCH_SECRET"] = secret, ["CALLBACK_ALLOW"] = _bed.Receiver.Origin };
            await using var service = await RunningService.StartAsync(BuiltService.Program, place, settings);
            var run = await ShellRun.BashAsync(
                place.Home,
                ["scripts/submit.sh", "--repository", "acme/none", "--webhook", $"{_bed.Receiver.Origin}/elsewhere", "--task-id", "prompt-key", "Try it"],
                variables: new Dictionary<string, string> { ["DISPATCH_SECRET"] = $" {secret} , the-next-one-that-comes-soon" });
            Assert.Equal((0, ""), (run.ExitCode, run.Error));
        }
        finally
        {
            place.Dispose();
        }
    }

    private static string Repeat(string text)
    {
        var count = TaskRequestRules.PromptBytesMax / Encoding.UTF8.GetByteCount(text);
        var repeated = string.Concat(Enumerable.Repeat(text, count));
        return repeated + new string('y', TaskRequestRules.PromptBytesMax - Encoding.UTF8.GetByteCount(repeated));
    }

    private Task<ShellRun> SubmitAsync(string taskId, byte[] prompt, params IReadOnlyList<string> more) => ShellRun.BashAsync(
        _bed.Place.Home,
        ["scripts/submit.sh", "--repository", _bed.Repository.Name, "--webhook", _bed.Receiver.UrlFor(taskId), "--webhook-secret", _bed.Receiver.Secret, "--task-id", taskId, .. more],
        prompt,
        new Dictionary<string, string> { ["DISPATCH_SECRET"] = _bed.Service.Secret });

    private async Task AssertArrivedAsync(string taskId, byte[] prompt)
    {
        var callback = await _bed.Receiver.WaitAsync(taskId);
        Assert.Equal("completed", callback.TaskStatus);
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(prompt)), (await File.ReadAllTextAsync(_bed.Place.At($"{taskId}.sha256"))).Trim());
    }
}
