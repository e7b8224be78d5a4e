using System.Globalization;
using Orchestrator.Processes;
using Orchestrator.Silo.Processes;

namespace Orchestrator.Silo.Machines.Git;

/// <summary>
/// Tells whether a git lives that may hold a lock file: git closes one long before it lets it go, so that open files say too little. Whoever holds it has begun before it was written, works in the
/// folders, and is no command that never writes, as editors and agents keep running for hours. Linux only.
/// </summary>
internal static class GitLockHolders
{
    /// <summary>What <c>/proc</c> counts in, whatever the kernel's own tick is (time(7)).</summary>
    private const int TicksPerSecond = 100;

    /// <summary>A file's time and a process' time come from two clocks, the former being set now and then.</summary>
    private static readonly TimeSpan Tolerance = TimeSpan.FromSeconds(2);

    private static readonly HashSet<string> Readers =
        new(["blame", "cat-file", "check-attr", "check-ignore", "credential-cache--daemon", "daemon", "fsmonitor--daemon", "grep", "log", "ls-files", "rev-list", "rev-parse", "show"], StringComparer.Ordinal);

    /// <param name="roots">The folders where it would work.</param>
    /// <param name="lockAge">How long ago the lock file was last written.</param>
    public static bool Exist(List<string> roots, TimeSpan lockAge)
    {
        var uptime = double.Parse(File.ReadAllText("/proc/uptime").Split(' ')[0], CultureInfo.InvariantCulture);
        return ProcessTable.ReadAll().Any(process =>
            !process.IsEnded && TimeSpan.FromSeconds(uptime - (double)process.StartTime / TicksPerSecond) >= lockAge - Tolerance && MayWrite(process.Pid, roots));
    }

    private static bool MayWrite(int pid, List<string> roots)
    {
        try
        {
            if (!File.ReadAllText($"/proc/{pid}/comm").StartsWith("git", StringComparison.Ordinal)) return false;
            var folder = new FileInfo($"/proc/{pid}/cwd").LinkTarget;
            var line = File.ReadAllText($"/proc/{pid}/cmdline");
            return !Readers.Contains(new ToolCommand("git", line.Split('\0')[1..]).Subcommand)
                && roots.Any(root => folder == root || (folder?.StartsWith(root + "/", StringComparison.Ordinal) ?? false) || line.Contains(root, StringComparison.Ordinal));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // It has ended, or is another user's, who cannot write here.
            return false;
        }
    }
}
