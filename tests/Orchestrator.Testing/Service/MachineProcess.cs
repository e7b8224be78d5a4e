using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace Orchestrator.Testing.Service;

/// <summary>Processes of this machine, as a test looks at them from outside: /proc, so Linux only but for the signals.</summary>
public static class MachineProcess
{
    /// <summary>Whether the process lives; one that has ended and was not waited for does not.</summary>
    public static bool IsAlive(int pid) => ReadText($"/proc/{pid}/stat") is { } stat && StateIn(stat) is not ('Z' or 'X');

    /// <summary>Every process id.</summary>
    public static IReadOnlyList<int> All() =>
        [.. Directory.EnumerateDirectories("/proc").Select(Path.GetFileName).Where(name => int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out _)).Select(Id)];

    /// <summary>Living processes whose environment has this text.</summary>
    public static IReadOnlyList<int> WithEnvironment(string text) => [.. All().Where(pid => EnvironmentOf(pid).Contains(text, StringComparison.Ordinal) && IsAlive(pid))];

    /// <summary>The environment that the process was started with, entries ended by U+0000; empty when it is gone.</summary>
    public static string EnvironmentOf(int pid) => ReadText($"/proc/{pid}/environ") ?? "";

    /// <summary>Its command line, arguments ended by U+0000; empty when it is gone.</summary>
    public static string CommandLineOf(int pid) => ReadText($"/proc/{pid}/cmdline") ?? "";

    /// <summary>The process that it is a child of; 0 when it is gone.</summary>
    public static int ParentOf(int pid) => ReadText($"/proc/{pid}/stat") is { } stat ? Id(stat[(stat.LastIndexOf(')') + 4)..].Split(' ')[0]) : 0;

    /// <summary>Ends it at once. Nothing when it is gone.</summary>
    public static void Kill(int pid)
    {
        try
        {
            using var process = Process.GetProcessById(pid);
            process.Kill();
        }
        catch (Exception exception) when (exception is ArgumentException or InvalidOperationException)
        {
            // Gone already.
        }
    }

    /// <summary>Sends SIGTERM, by the shell: Debian without procps has no program for it.</summary>
    public static void Terminate(int pid) => Tool.TryRun("bash", "-c", $"kill -TERM {pid.ToString(CultureInfo.InvariantCulture)}");

    private static int Id(string? name) => int.Parse(name!, CultureInfo.InvariantCulture);

    private static char StateIn(string stat) => stat[stat.LastIndexOf(')') + 2];

    private static string? ReadText(string path)
    {
        try
        {
            return Encoding.UTF8.GetString(File.ReadAllBytes(path));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // Gone, or another user's.
            return null;
        }
    }
}
