using System.Buffers.Text;
using System.Globalization;

namespace Orchestrator.Processes;

/// <summary>One process as the system lists it.</summary>
/// <param name="Pid">Its id.</param>
/// <param name="Parent">Its parent's id.</param>
/// <param name="Session">Its session's id.</param>
/// <param name="StartTime">As <see cref="ProcessIdentity.StartTime"/>.</param>
/// <param name="IsEnded">It has ended, and its parent has not waited for it yet.</param>
internal sealed record ProcessEntry(int Pid, int Parent, int Session, long StartTime, bool IsEnded);

/// <summary>Reads the system's processes: /proc on Linux (proc(5)), libproc on macOS.</summary>
internal static class ProcessTable
{
    // On a busy machine it may be without a processor for a while.
    private const int ExecLooksMax = 200, KernelThreads = 2;
    private static readonly TimeSpan ExecPause = TimeSpan.FromMilliseconds(1);
    private static readonly ManualResetEventSlim Never = new();

    /// <summary>Null when there is no such process.</summary>
    internal static ProcessEntry? Find(int pid)
    {
        if (OperatingSystem.IsMacOS()) return AppleProcessTable.Find(pid);
        // Not there, gone while it was read (ESRCH), or another user's where /proc hides those (hidepid): all of them are no process for us.
        Span<byte> stat = stackalloc byte[1024];
        var length = LibC.TryReadFile($"/proc/{pid}/stat", stat);
        return length > 0 ? ParseStat(pid, stat[..length]) : null;
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

    /// <summary>Whether it is a thread of the kernel: these have neither environment nor session.</summary>
    internal static bool IsOfKernel(ProcessEntry entry) => OperatingSystem.IsLinux() && (entry.Parent == KernelThreads || (entry.Pid == KernelThreads && entry.Parent == 0));

    /// <summary>Whether the environment that the process was started with has this very variable. False when it cannot be read.</summary>
    /// <param name="pid">The process.</param>
    /// <param name="variable">UTF-8 of <c>NAME=value</c>.</param>
    internal static bool HasVariable(int pid, ReadOnlySpan<byte> variable)
    {
        if (OperatingSystem.IsMacOS()) return false;
        var environment = new byte[16 * 1024];
        var length = ReadEnvironment(pid, ref environment);
        for (var looks = 0; length == 0 && looks < ExecLooksMax && IsInExec(pid); looks++)
        {
            Never.Wait(ExecPause);
            length = ReadEnvironment(pid, ref environment);
        }

        // Gone, or another user's: then it is none of ours.
        if (length <= 0) return false;
        var rest = environment.AsSpan(0, length);
        while (!rest.IsEmpty)
        {
            var end = rest.IndexOf((byte)0);
            var entry = end < 0 ? rest : rest[..end];
            if (entry.SequenceEqual(variable)) return true;
            rest = end < 0 ? default : rest[(end + 1)..];
        }

        return false;
    }

    private static int ReadEnvironment(int pid, ref byte[] environment)
    {
        var path = $"/proc/{pid}/environ";
        int length;
        while ((length = LibC.TryReadFile(path, environment)) == environment.Length) environment = new byte[environment.Length * 4];
        return length;
    }

    /// <summary>Whether it is on its way from one program to the next: for an instant it has neither arguments nor environment, and whoever started it goes on already.</summary>
    private static bool IsInExec(int pid)
    {
        Span<byte> first = stackalloc byte[1];
        return LibC.TryReadFile($"/proc/{pid}/cmdline", first) == 0;
    }

    /// <summary><c>pid (name) state ppid pgrp session … starttime(22)</c>; the name may hold spaces and parentheses.</summary>
    internal static ProcessEntry? ParseStat(int pid, ReadOnlySpan<byte> stat)
    {
        const int State = 0, Parent = 1, Session = 3, StartTime = 19;
        var nameEnd = stat.LastIndexOf((byte)')');
        if (nameEnd < 0) return null;
        var rest = stat[(nameEnd + 1)..];
        var (isEnded, parent, session) = (false, 0L, 0L);
        for (var index = 0; ; index++)
        {
            while (!rest.IsEmpty && rest[0] == (byte)' ') rest = rest[1..];
            var length = rest.IndexOf((byte)' ');
            var field = length < 0 ? rest : rest[..length];
            if (field.IsEmpty) return null;
            switch (index)
            {
                case State: isEnded = field[0] is (byte)'Z' or (byte)'X'; break;
                case Parent: parent = Number(field); break;
                case Session: session = Number(field); break;
                case StartTime: return new(pid, (int)parent, (int)session, Number(field), isEnded);
            }

            rest = rest[field.Length..];
        }
    }

    private static long Number(ReadOnlySpan<byte> digits)
    {
        if (!Utf8Parser.TryParse(digits, out long number, out _)) throw new FormatException("A field of /proc/…/stat is no number.");
        return number;
    }
}
