using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.RegularExpressions;
using Orchestrator.Contracts.Sessions;
using Orchestrator.Silo.Agents;
using Orchestrator.Testing;
using Orchestrator.Testing.ModelApi;

namespace Orchestrator.Silo.Tests.Agents.Golden.Recording;

/// <summary>
/// Writes <c>Golden/claude/*/events.jsonl</c> from runs of the real Claude Code, and <c>expected.json</c> where there is none yet (to be read by a person before it is
/// committed). Only compiled with <c>-p:RecordGolden=true</c>.
/// </summary>
public sealed partial class GoldenRecording
{
    private const string SessionId = "7b5d3a52-94f7-4c9e-8a60-000000000001";
    private const string Unknown = "7b5d3a52-94f7-4c9e-8a60-00000000dead";
    private const string Commit = "git -c user.name=Agent -c user.email=agent@localhost commit -q -m 'Say hello'";

    private static readonly SessionJsonContext Readable = new(new JsonSerializerOptions(SessionJsonContext.Default.Options) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });

    [Fact]
    public Task Success_with_commit() => RecordAsync(
        "success-with-commit",
        [
            ModelStep.Write("{{cwd}}/hello.txt", "Hello\n") with { Text = "I write the file.", Usage = new(1000, 50, 20, 300) },
            ModelStep.Bash("git add hello.txt && " + Commit) with { Usage = new(5, 60, 1300, 40) },
            ModelStep.Say("hello.txt is there."),
        ]);

    [Fact]
    public Task Fenced_block() => RecordAsync(
        "fenced-block",
        [ModelStep.Say("Reviewed the change: “fine” 👍\n\n```json\n{\"review_types\": \"code\", \"review_comments_posted\": 2, \"needs_remediation\": false, \"token\": \"no member\"}\n```")]);

    [Fact]
    public Task Permission_denials() => RecordAsync(
        "permission-denials",
        [ModelStep.Write("{{cwd}}/hello.txt", "Hello\n"), ModelStep.Say("I was not allowed to write.")],
        change: launch => launch with { Arguments = [.. launch.Arguments.Where(argument => argument is not ("--permission-mode" or "bypassPermissions"))] });

    [Fact]
    public Task Api_401() => RecordAsync("api-401", [ModelStep.AlwaysFail(401, "authentication_error", "invalid x-api-key")]);

    [Fact]
    public Task Api_400_credit() => RecordAsync(
        "api-400-credit", [ModelStep.AlwaysFail(400, "invalid_request_error", "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.")]);

    [Fact]
    public Task Api_404_model() => RecordAsync("api-404-model", [ModelStep.AlwaysFail(404, "not_found_error", "model: claude-none")]);

    [Fact]
    public Task Api_429() => RecordAsync("api-429", [ModelStep.AlwaysFail(429, "rate_limit_error", "This request would exceed your account's rate limit. Please try again later.")]);

    [Fact]
    public Task Api_500() => RecordAsync("api-500", [ModelStep.AlwaysFail(500, "api_error", "Internal server error")]);

    [Fact]
    public Task Api_529() => RecordAsync("api-529", [ModelStep.AlwaysFail(529, "overloaded_error", "Overloaded")]);

    [Fact]
    public Task Api_500_once() => RecordAsync("api-500-once", [new() { Error = new(500, "api_error", "Internal server error") }, ModelStep.Say("It went well in the end.")]);

    [Fact]
    public Task Connection_refused() => RecordAsync("connection-refused", [], prepare: bench => bench.With("ANTHROPIC_BASE_URL", "http://127.0.0.1:1"));

    [Fact]
    public Task Connection_cut() => RecordAsync("connection-cut", [new() { Fate = ModelStreamFate.Drops, IsRepeated = true }]);

    [Fact]
    public Task Prompt_too_long() => RecordAsync("prompt-too-long", [ModelStep.AlwaysFail(400, "invalid_request_error", "prompt is too long: 250000 tokens > 200000 maximum")]);

    [Fact]
    public Task Max_turns() => RecordAsync("max-turns", [ModelStep.Bash("true") with { IsRepeated = true }], turnsLeft: 2);

    [Fact]
    public Task Max_budget() => RecordAsync("max-budget", [ModelStep.Bash("true") with { IsRepeated = true, Usage = new(100_000, 1000) }], costUsdLeft: 0.5);

    [Fact]
    public Task Unknown_resume_id() => RecordAsync("unknown-resume-id", [], isResume: true, sessionId: Unknown);

    [Fact]
    public Task Unknown_option() => RecordAsync("unknown-option", [], change: launch => launch with { Arguments = [.. launch.Arguments, "--no-such-option"] });

    [Fact]
    public async Task Killed_and_resumed()
    {
        using var bench = new AgentBench();
        await using var api = await FakeModelApi.StartAsync(
            ModelStep.Bash("true") with { Text = "I begin." }, new() { Fate = ModelStreamFate.Hangs, Usage = new(1200, 0) }, ModelStep.Bash("git commit --version") with { Text = "I go on." }, ModelStep.Say("Done at last."));
        bench.WithClaude(api.BaseUrl, api.ApiKey);
        using (var agent = await StartAsync(bench, bench.Table().CreateLaunch(bench.Session(SessionId), AgentBench.Request("auto")), "Please say hello", 1))
        {
            await api.WaitForRequestAsync(SessionId, 2, AgentProgram.Limit);
            agent.Kill();
            await agent.WaitAsync();
        }

        Save(bench, "killed", 1);
        using (var agent = await StartAsync(bench, bench.Table().CreateLaunch(bench.Session(SessionId, 2, isResume: true), AgentBench.Request("auto")), "Go on", 2)) await agent.WaitAsync();
        Save(bench, "resumed-after-kill", 2);
        Assert.Empty(api.Violations);
    }

    private static async Task RecordAsync(
        string name, IReadOnlyList<ModelStep> script, Func<AgentLaunch, AgentLaunch>? change = null, Action<AgentBench>? prepare = null, bool isResume = false, string sessionId = SessionId,
        double? costUsdLeft = null, int? turnsLeft = null)
    {
        using var bench = new AgentBench();
        await using var api = await FakeModelApi.StartAsync(script);
        bench.WithClaude(api.BaseUrl, api.ApiKey);
        prepare?.Invoke(bench);
        var launch = bench.Table().CreateLaunch(bench.Session(sessionId, isResume: isResume, costUsdLeft: costUsdLeft, turnsLeft: turnsLeft), AgentBench.Request("auto"));
        using (var agent = await StartAsync(bench, change?.Invoke(launch) ?? launch, "Please say hello", 1)) await agent.WaitAsync();
        Save(bench, name, 1);
        Assert.Empty(api.Violations);
    }

    private static Task<AgentProgram> StartAsync(AgentBench bench, AgentLaunch launch, string prompt, int attempt) =>
        AgentProgram.StartAsync(launch, prompt, bench.WorktreePath, bench.SessionFolder(attempt));

    /// <summary>Copies the recording into the source, without what differs from run to run or names this machine.</summary>
    private static void Save(AgentBench bench, string name, int attempt)
    {
        var folder = Directory.CreateDirectory(Path.Combine(RepositoryRoot.Path, "tests", "Orchestrator.Silo.Tests", "Agents", "Golden", "claude", name)).FullName;
        var ids = new Dictionary<string, string>(StringComparer.Ordinal) { [SessionId] = SessionId, [Unknown] = Unknown };
        using (var target = File.CreateText(Path.Combine(folder, SessionFiles.Events)))
        {
            foreach (var line in File.ReadLines(Path.Combine(bench.SessionFolder(attempt), SessionFiles.Events)))
            {
                var read = JsonSerializer.Deserialize(line, SessionJsonContext.Default.SessionEvent)!;
                var text = read.Text.Replace(bench.Root, "/bench", StringComparison.Ordinal).Replace(bench.Root.Replace('/', '-'), "-bench", StringComparison.Ordinal);
                text = Uuid().Replace(text, match => ids.TryGetValue(match.Value, out var known) ? known : ids[match.Value] = $"00000000-0000-4000-8000-{ids.Count:D12}");
                text = Socket().Replace(Port().Replace(Time().Replace(text, "2026-01-01T00:00:00.000Z"), "127.0.0.1:8080"), "cc-socks/1.sock");
                target.WriteLine(JsonSerializer.Serialize(read with { Text = text, At = 1_767_225_600_000 }, Readable.SessionEvent));
            }
        }

        var expected = Path.Combine(folder, "expected.json");
        if (!File.Exists(expected)) File.WriteAllText(expected, GoldenReport.ToText(bench.Table().ReadReport("auto", folder, null)));
    }

    [GeneratedRegex("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Uuid();

    [GeneratedRegex(@"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Time();

    [GeneratedRegex(@"cc-socks/\d+\.sock", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Socket();

    [GeneratedRegex(@"127\.0\.0\.1:\d+", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Port();
}
