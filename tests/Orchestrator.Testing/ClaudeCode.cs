namespace Orchestrator.Testing;

/// <summary>The real Claude Code that tests run: pinned, and installed by <c>scripts/install-claude-code.sh</c>.</summary>
public static class ClaudeCode
{
    private const string Installer = "scripts/install-claude-code.sh";

    /// <summary>Its program; only there when <see cref="WhyMissing"/> is null.</summary>
    public static string ProgramPath { get; } = Path.Combine(Folder, "node_modules", ".bin", "claude");

    /// <summary>Why the tests that need it cannot run; null when they can.</summary>
    public static string? WhyMissing { get; } = FindOut();

    private static string Folder => Path.Combine(RepositoryRoot.Path, "artifacts", "claude-code");

    private static string? FindOut()
    {
        var pinned = PinnedVersion();
        var marker = Path.Combine(Folder, "version");
        if (!File.Exists(ProgramPath) || !File.Exists(marker)) return $"Claude Code {pinned} is not installed: run {Installer}, which says why it cannot be had.";
        var installed = File.ReadAllText(marker).Trim();
        return installed == pinned ? null : $"Claude Code {installed} is installed, the tests want {pinned}: run {Installer}.";
    }

    private static string PinnedVersion() =>
        File.ReadLines(Path.Combine(RepositoryRoot.Path, Installer)).First(line => line.StartsWith("version=", StringComparison.Ordinal))["version=".Length..];
}
