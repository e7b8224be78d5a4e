namespace Orchestrator.Testing;

/// <summary>Programs of this machine that a test may need.</summary>
public static class InstalledProgram
{
    /// <summary>Why a test that needs them is skipped; null when all of them are on the PATH.</summary>
    public static string? WhyMissing(params IReadOnlyList<string> names)
    {
        var missing = names.Where(name => !IsThere(name)).ToList();
        return missing.Count == 0 ? null : $"{string.Join(" and ", missing)} not installed: scripts/test.sh installs it when it may.";
    }

    private static bool IsThere(string name) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries).Any(folder => File.Exists(Path.Combine(folder, name)));
}
