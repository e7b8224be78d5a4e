namespace Orchestrator.Silo.Configuration;

/// <summary>How this machine reaches repositories and agents.</summary>
internal sealed class MachineOptions
{
    /// <summary>A repository's URL; <c>{repository}</c> stands for <c>owner/name</c> (<c>GIT_URL_TEMPLATE</c>).</summary>
    public string GitUrlTemplate { get; set; } = "https://github.com/{repository}.git";

    /// <summary>The program behind the worker type <c>script</c>; null: the bundled demo agent (<c>SCRIPT_AGENT</c>).</summary>
    public string? ScriptAgent { get; set; }

    /// <summary>Claude Code's program (<c>CLAUDE_COMMAND</c>).</summary>
    public string ClaudeCommand { get; set; } = "claude";

    /// <summary>Names that agents get from the service's environment, beside the usual ones (<c>AGENT_ENV</c>).</summary>
    public IReadOnlyList<string> AgentEnvironment { get; set; } =
    [
        "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL", "ANTHROPIC_MODEL", "CLAUDE_CODE_OAUTH_TOKEN", "OPENAI_API_KEY", "OPENROUTER_API_KEY",
        "GEMINI_API_KEY", "ZAI_API_KEY",
    ];

    /// <summary>Names that a task's <c>environment</c> may have (<c>TASK_ENV_ALLOW</c>).</summary>
    public IReadOnlyList<string> TaskEnvironmentAllowed { get; set; } = [];

    /// <summary>How agents say that their account's usage limit is reached, beside the built-in forms (<c>USAGE_LIMIT_PATTERNS</c>).</summary>
    public IReadOnlyList<string> UsageLimitPatterns { get; set; } = [];

    /// <summary>The session host's program; null: the one beside the service.</summary>
    public string? SessionHostPath { get; set; }
}
