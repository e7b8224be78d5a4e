namespace Orchestrator.Silo.Agents;

/// <summary>Finds programs as a shell would: in PATH, unless the name has a slash.</summary>
internal static class ProgramLookup
{
    private const UnixFileMode Executable = UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;

    /// <summary>The program's absolute path; null when it is not there or cannot be executed.</summary>
    public static string? Find(string program, string? path)
    {
        if (program.Length == 0) return null;
        if (program.Contains('/', StringComparison.Ordinal)) return IsExecutable(program) ? Path.GetFullPath(program) : null;
        // An empty or relative element would mean the worktree, whose content is not ours to trust.
        return (path ?? "").Split(':').Where(Path.IsPathFullyQualified).Select(folder => Path.Combine(folder, program)).FirstOrDefault(IsExecutable);
    }

    private static bool IsExecutable(string path)
    {
        try
        {
            return !OperatingSystem.IsWindows() && File.Exists(path) && (File.GetUnixFileMode(path) & Executable) != UnixFileMode.None;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException)
        {
            // Gone between the two questions, or not for us to see: not there.
            return false;
        }
    }
}
