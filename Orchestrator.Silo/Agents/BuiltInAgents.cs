using Orchestrator.Contracts.Sessions;
using Orchestrator.Silo.Configuration;

namespace Orchestrator.Silo.Agents;

/// <summary>The rows that are built in.</summary>
internal static class BuiltInAgents
{
    /// <summary>The demo agent, beside the service's program.</summary>
    public static string DemoAgentPath { get; } = Path.Combine(AppContext.BaseDirectory, "Agents", "demo-agent.sh");

    /// <summary>All of them, with this machine's programs.</summary>
    public static IReadOnlyList<AgentRow> Rows(MachineOptions options) =>
    [
        Script(options.ScriptAgent ?? DemoAgentPath) with { UsageLimits = new(options.UsageLimitPatterns) },
        Claude(options.ClaudeCommand) with { UsageLimits = new([.. options.UsageLimitPatterns, .. ClaudeUsageLimits]) },
    ];

    /// <summary>
    /// What Claude Code is known to say (recorded forms of several versions; none could be provoked here). A rate limit that passes in seconds ("would exceed your account's rate limit") is
    /// none of them. Those with a time first.
    /// </summary>
    private static IReadOnlyList<string> ClaudeUsageLimits { get; } =
    [
        @"\b(?:usage|session|weekly|daily|monthly|hour|opus|sonnet|haiku) limit reached\s*\|\s*(?<reset>\d{10,13})",
        @"\b(?:limit reached|hit your (?:[\w-]+ ){0,2}limit|out of (?:extra )?usage)\b[^\n]{0,200}?\b(?:resets?|try again|available again)(?: on)?(?: at)?:? (?<reset>[^\n]+)",
        @"\b(?:usage|session|weekly|daily|monthly|hour|opus|sonnet|haiku) limit (?:reached|exceeded)",
        @"\b(?:hit|reached) your (?!rate )(?:[\w-]+ ){0,2}limit\b",
        @"\bout of (?:extra )?usage\b",
    ];

    /// <summary>Any program: prompt on standard input, the worktree as working directory, exit code counts.</summary>
    private static AgentRow Script(string program) => new()
    {
        Name = "script",
        Program = program,
        Input = SessionInput.Text,
        Output = AgentOutput.Text,
        WorkerTypes = [new() { Name = "script" }],
    };

    /// <summary>
    /// Claude Code, unattended (written against 2.1.330; its options are described by <c>claude --help</c> and https://code.claude.com/docs/en/cli-reference).
    /// <c>IS_SANDBOX=1</c> is only handed on: as root Claude Code refuses to work without a person unless whoever set up the machine says by it that it is a sandbox.
    /// </summary>
    private static AgentRow Claude(string program) => new()
    {
        Name = "claude",
        Program = program,
        Arguments =
        [
            ["-p", "--verbose", "--input-format", "stream-json", "--output-format", "stream-json", "--permission-mode", "bypassPermissions"],
            ["--session-id", "{sessionId}"],
            ["--resume", "{resumeId}"],
            ["--model", "{model}"],
            ["--max-turns", "{maxTurns}"],
            ["--max-budget-usd", "{maxBudgetUsd}"],
        ],
        Input = SessionInput.StreamJson,
        Output = AgentOutput.StreamJson,
        CanResume = true,
        Environment = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC"] = "1",
            ["DISABLE_AUTOUPDATER"] = "1",
        },
        Inherited = ["IS_SANDBOX"],
        WorkerTypes = [new() { Name = "auto" }, new() { Name = "opus", Model = "opus" }, new() { Name = "sonnet", Model = "sonnet" }, Glm()],
    };

    /// <summary>Claude Code on Z.ai's endpoint (https://docs.z.ai/devpack/tool/claude), with a key of that provider only.</summary>
    private static WorkerTypeRow Glm() => new()
    {
        Name = "glm",
        Account = "glm",
        Model = "glm-4.7",
        Environment = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["ANTHROPIC_BASE_URL"] = "https://api.z.ai/api/anthropic",
            ["ANTHROPIC_DEFAULT_OPUS_MODEL"] = "glm-4.7",
            ["ANTHROPIC_DEFAULT_SONNET_MODEL"] = "glm-4.7",
            ["ANTHROPIC_DEFAULT_HAIKU_MODEL"] = "glm-4.5-air",
        },
        EnvironmentFrom = new Dictionary<string, string>(StringComparer.Ordinal) { ["ANTHROPIC_AUTH_TOKEN"] = "ZAI_API_KEY" },
        Withheld = ["ANTHROPIC_API_KEY", "ANTHROPIC_MODEL", "CLAUDE_CODE_OAUTH_TOKEN"],
    };
}
