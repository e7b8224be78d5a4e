using System.Buffers.Binary;
using System.Text;

namespace Orchestrator.Processes;

/// <summary>
/// macOS' processes by libproc: <c>proc_pidinfo(PROC_PIDTBSDINFO)</c> fills <c>struct proc_bsdinfo</c> of <c>sys/proc_info.h</c> (136 bytes; ppid at 16, start time at 120 and 128).
/// Another process' environment cannot be relied on there, so that only parents and session ids tell what belongs together.
/// </summary>
internal static unsafe class AppleProcessTable
{
    private const int BsdInfoFlavor = 3, BsdInfoBytes = 136, Ended = 5;

    internal static ProcessEntry? Find(int pid)
    {
        Span<byte> info = stackalloc byte[BsdInfoBytes];
        fixed (byte* start = info)
        {
            if (LibC.ProcessInformation(pid, BsdInfoFlavor, 0, start, BsdInfoBytes) != BsdInfoBytes) return null;
        }

        var status = BinaryPrimitives.ReadInt32LittleEndian(info[4..]);
        var parent = BinaryPrimitives.ReadInt32LittleEndian(info[16..]);
        var seconds = BinaryPrimitives.ReadInt64LittleEndian(info[120..]);
        var microseconds = BinaryPrimitives.ReadInt64LittleEndian(info[128..]);
        return new(pid, parent, LibC.SessionOf(pid), seconds * 1_000_000 + microseconds, status == Ended);
    }

    /// <summary><c>proc_pidinfo(PROC_PIDTASKINFO)</c> fills <c>struct proc_taskinfo</c> (96 bytes; user and system time at 16 and 24, in units of the machine's clock).</summary>
    internal static TimeSpan ProcessorTimeOf(int pid)
    {
        const int TaskInfoFlavor = 4, TaskInfoBytes = 96;
        Span<byte> info = stackalloc byte[TaskInfoBytes];
        fixed (byte* start = info)
        {
            if (LibC.ProcessInformation(pid, TaskInfoFlavor, 0, start, TaskInfoBytes) != TaskInfoBytes) return TimeSpan.Zero;
        }

        Span<uint> unit = stackalloc uint[2];
        fixed (uint* start = unit)
        {
            if (LibC.ReadTimebase(start) != 0 || unit[1] == 0) return TimeSpan.Zero;
        }

        var units = BinaryPrimitives.ReadUInt64LittleEndian(info[16..]) + BinaryPrimitives.ReadUInt64LittleEndian(info[24..]);
        return TimeSpan.FromMicroseconds((double)units * unit[0] / unit[1] / 1000);
    }

    internal static List<ProcessEntry> ReadAll()
    {
        const int PidsMax = 32768;
        var pids = new int[PidsMax];
        int count;
        fixed (int* start = pids) count = LibC.ListProcesses(start, pids.Length * sizeof(int));
        var entries = new List<ProcessEntry>(Math.Max(count, 0));
        foreach (var pid in pids.AsSpan(0, Math.Clamp(count, 0, PidsMax)))
        {
            if (pid > 0 && Find(pid) is { } entry) entries.Add(entry);
        }

        return entries;
    }

    internal static string ReadBootId()
    {
        var buffer = stackalloc byte[128];
        nuint size = 128;
        if (LibC.ReadSystemValue("kern.bootsessionuuid", buffer, ref size, null, 0) != 0) throw new IOException("kern.bootsessionuuid cannot be read.");
        return Encoding.ASCII.GetString(buffer, (int)size).TrimEnd('\0');
    }
}
