using System.Globalization;
using System.Text;

namespace Orchestrator.Processes;

/// <summary>What processes have used of the processors, with the children that they have waited for (macOS does not tell those).</summary>
internal static class ProcessorTime
{
    /// <summary><c>USER_HZ</c> of proc(5): what Linux tells programs, whatever the kernel counts in.</summary>
    private const int LinuxTicksPerSecond = 100;

    /// <summary>Of one process and the children that it has waited for. None when it is gone or cannot be seen.</summary>
    internal static TimeSpan Of(int pid) => Read(pid, withOwn: true);

    /// <summary>Of the children that one process has waited for, without its own.</summary>
    internal static TimeSpan OfEndedChildrenOf(int pid) => Read(pid, withOwn: false);

    private static TimeSpan Read(int pid, bool withOwn)
    {
        if (OperatingSystem.IsMacOS()) return withOwn ? AppleProcessTable.ProcessorTimeOf(pid) : TimeSpan.Zero;
        try
        {
            return ParseStat(File.ReadAllBytes($"/proc/{pid}/stat"), withOwn);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return TimeSpan.Zero;
        }
    }

    /// <summary><c>… utime(14) stime(15) cutime(16) cstime(17) …</c>; the name in parentheses may hold spaces.</summary>
    internal static TimeSpan ParseStat(ReadOnlySpan<byte> stat, bool withOwn)
    {
        const int Own = 11, Children = 13, End = 15;
        var nameEnd = stat.LastIndexOf((byte)')');
        if (nameEnd < 0) return TimeSpan.Zero;
        var fields = Encoding.ASCII.GetString(stat[(nameEnd + 1)..]).Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (fields.Length < End) return TimeSpan.Zero;
        var ticks = 0L;
        for (var i = withOwn ? Own : Children; i < End; i++) ticks += long.Parse(fields[i], CultureInfo.InvariantCulture);
        return TimeSpan.FromSeconds((double)ticks / LinuxTicksPerSecond);
    }
}
