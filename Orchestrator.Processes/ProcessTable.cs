using System.Globalization;
using System.Text;

namespace Orchestrator.Processes;

/// <summary>One process as the system lists it.</summary>
/// <param name="Pid">Its id.</param>
/// <param name="Parent">Its parent's id.</param>
/// <param name="Session">Its session's id.</param>
/// <param name="StartTime">As <see cref="ProcessIdentity.StartTime"/>.</param>
/// <param name="IsEnded">It has ended, and its parent has not waited for it yet.</param>
internal readonly record struct ProcessEntry(int Pid, int Parent, int Session, long StartTime, bool IsEnded);

/// <summary>Reads the system's processes: /proc on Linux (proc(5)), libproc on macOS.</summary>
internal static class ProcessTable
{
    /// <summary>Null when there is no such process.</summary>
    internal static ProcessEntry? Find(int pid)
    {
        if (OperatingSystem.IsMacOS()) return AppleProcessTable.Find(pid);
        try
        {
            return ParseStat(pid, File.ReadAllBytes($"/proc/{pid}/stat"));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // Not there, gone while it was read (ESRCH), or another user's where /proc hides those (hidepid).
            return null;
        }
    }

    /// <summary>Every process that can be seen.</summary>
    internal static List<ProcessEntry> ReadAll()
    {
        if (OperatingSystem.IsMacOS()) return AppleProcessTable.ReadAll();
        var entries = new List<ProcessEntry>(256);
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(folder.AsSpan()), NumberStyles.None, CultureInfo.InvariantCulture, out var pid) && Find(pid) is { } entry)
                entries.Add(entry);
        }

        return entries;
    }

    /// <summary>Whether the environment that the process was started with has this very variable. False when it cannot be read.</summary>
    /// <param name="pid">The process.</param>
    /// <param name="variable">UTF-8 of <c>NAME=value</c>.</param>
    internal static bool HasVariable(int pid, ReadOnlySpan<byte> variable)
    {
        byte[] environment;
        try
        {
            if (OperatingSystem.IsMacOS()) return false;
            environment = File.ReadAllBytes($"/proc/{pid}/environ");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // Gone, or another user's: then it is none of ours.
            return false;
        }

        var rest = environment.AsSpan();
        while (!rest.IsEmpty)
        {
            var end = rest.IndexOf((byte)0);
            var entry = end < 0 ? rest : rest[..end];
            if (entry.SequenceEqual(variable)) return true;
            rest = end < 0 ? default : rest[(end + 1)..];
        }

        return false;
    }

    /// <summary>What follows this beginning in the first variable that has it; null when none does, or the environment cannot be read.</summary>
    /// <param name="pid">The process.</param>
    /// <param name="beginning"><c>NAME=</c> and the beginning of a value.</param>
    internal static string? FindVariable(int pid, string beginning)
    {
        try
        {
            if (OperatingSystem.IsMacOS()) return null;
            var variable = Encoding.UTF8.GetString(File.ReadAllBytes($"/proc/{pid}/environ")).Split('\0').FirstOrDefault(entry => entry.StartsWith(beginning, StringComparison.Ordinal));
            return variable?[beginning.Length..];
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary><c>pid (name) state ppid pgrp session … starttime(22)</c>; the name may hold spaces and parentheses.</summary>
    internal static ProcessEntry? ParseStat(int pid, ReadOnlySpan<byte> stat)
    {
        var nameEnd = stat.LastIndexOf((byte)')');
        if (nameEnd < 0) return null;
        var fields = Encoding.ASCII.GetString(stat[(nameEnd + 1)..]).Split(' ', StringSplitOptions.RemoveEmptyEntries);
        const int State = 0, Parent = 1, Session = 3, StartTime = 19;
        if (fields.Length <= StartTime) return null;
        return new(
            pid,
            int.Parse(fields[Parent], CultureInfo.InvariantCulture),
            int.Parse(fields[Session], CultureInfo.InvariantCulture),
            long.Parse(fields[StartTime], CultureInfo.InvariantCulture),
            fields[State] is "Z" or "X");
    }
}
