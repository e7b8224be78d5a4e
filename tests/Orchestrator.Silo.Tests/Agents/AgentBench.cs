using System.Diagnostics;
using Orchestrator.Contracts.AgentTasks;
using Orchestrator.Interfaces.Machines;
using Orchestrator.Silo.Agents;
using Orchestrator.Silo.Configuration;
using Orchestrator.Testing;

namespace Orchestrator.Silo.Tests.Agents;

/// <summary>A folder of its own with a git repository and a worktree of it, and an agents table for it. Removed at the end.</summary>
internal sealed class AgentBench : IDisposable
{
    private readonly Dictionary<string, string> _service;

    public AgentBench(string name = "agents")
    {
        Root = Directory.CreateTempSubdirectory($"orchestrator-{name}-").FullName;
        var repository = Path.Combine(Root, "repository");
        WorktreePath = Path.Combine(Root, "worktree");
        Directory.CreateDirectory(Path.Combine(Root, "home"));
        Directory.CreateDirectory(Path.Combine(Root, "tmp"));
        _service = new(StringComparer.Ordinal)
        {
            ["PATH"] = Environment.GetEnvironmentVariable("PATH") ?? "",
            ["HOME"] = Path.Combine(Root, "home"),
            ["TMPDIR"] = Path.Combine(Root, "tmp"),
            ["DISPATCH_SECRET"] = "the-service's-own",
        };
        Run("git", "init", "--quiet", "--initial-branch=main", repository);
        Run("git", "-C", repository, "-c", "user.name=Test", "-c", "user.email=test@localhost", "commit", "--quiet", "--allow-empty", "--message=Begin");
        Run("git", "-C", repository, "worktree", "add", "--quiet", "--no-track", "-B", "task/t1", WorktreePath);
    }

    public string Root { get; }

    public string WorktreePath { get; }

    public MachineOptions Options { get; } = new();

    /// <summary>Sets something in the service's environment that agents get.</summary>
    public AgentBench With(string name, string value)
    {
        _service[name] = value;
        if (!Options.AgentEnvironment.Contains(name)) Options.AgentEnvironment = [.. Options.AgentEnvironment, name];
        return this;
    }

    /// <summary>Makes the real Claude Code talk to the fake model API.</summary>
    public AgentBench WithClaude(string baseUrl, string apiKey)
    {
        Options.ClaudeCommand = ClaudeCode.ProgramPath;
        return With("ANTHROPIC_BASE_URL", baseUrl).With("ANTHROPIC_API_KEY", apiKey).With("CLAUDE_CONFIG_DIR", Path.Combine(Root, "claude"))
            .With("CLAUDE_CODE_MAX_RETRIES", "1").With("CLAUDE_CODE_TMPDIR", Path.Combine(Root, "tmp")).With("IS_SANDBOX", "1");
    }

    public AgentTable Table() => new(BuiltInAgents.Rows(Options), Options, new(_service), TimeProvider.System);

    public SessionRequest Session(string sessionId, int attempt = 1, bool isResume = false, double? costUsdLeft = null, int? turnsLeft = null) => new(
        new("t1", 1, attempt), "{}", new("acme/web", WorktreePath, "task/t1", "main", new string('0', 40)), sessionId, isResume, null, costUsdLeft, turnsLeft);

    public static TaskRequest Request(string workerType) => new()
    {
        TaskId = "t1",
        WorkerType = workerType,
        Prompt = "Make it so",
        WebhookUrl = "https://example.com/task-complete",
        WebhookSecret = "the-task's-own",
    };

    public string SessionFolder(int attempt = 1) => Path.Combine(Root, "sessions", $"1.{attempt}");

    public string Git(params string[] arguments) => Run("git", ["-C", WorktreePath, .. arguments]).Trim();

    public void Dispose() => Directory.Delete(Root, recursive: true);

    private static string Run(string program, params string[] arguments)
    {
        var info = new ProcessStartInfo { FileName = program, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var argument in arguments) info.ArgumentList.Add(argument);
        using var process = Process.Start(info)!;
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? output : throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} ended with {process.ExitCode}: {error.GetAwaiter().GetResult()}");
    }
}
