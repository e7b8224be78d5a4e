using System.Globalization;
using Orchestrator.Grains.Capacity;

namespace Orchestrator.Silo.Health;

/// <summary>
/// Linux' memory: <c>MemAvailable</c> of <c>/proc/meminfo</c> (proc(5)), and what the cgroups of this process leave (version 2: <c>memory.max</c>, <c>memory.current</c>; version 1:
/// <c>memory.limit_in_bytes</c>, <c>memory.usage_in_bytes</c>; pages of files that can be dropped, <c>inactive_file</c>, count as free). Elsewhere it is not known, and holds nobody up.
/// </summary>
internal sealed class MachineMemory : IMachineMemory
{
    private const long BytesPerKilobyte = 1024;

    private readonly string _root;

    public MachineMemory()
        : this("/")
    {
    }

    /// <param name="root">Where <c>proc</c> and <c>sys</c> are.</param>
    internal MachineMemory(string root) => _root = root;

    public long? AvailableBytes
    {
        get
        {
            if (!OperatingSystem.IsLinux()) return null;
            var free = Figure(Path.Combine(_root, "proc/meminfo"), "MemAvailable:") * BytesPerKilobyte;
            foreach (var (folder, names) in Cgroups())
            {
                if (Left(folder, names) is { } left && !(free <= left)) free = left;
            }

            return free;
        }
    }

    /// <summary>The process' own cgroup and those above it: each may have a limit.</summary>
    private IEnumerable<(string Folder, FileNames Names)> Cgroups()
    {
        foreach (var line in Read(Path.Combine(_root, "proc/self/cgroup"))?.Split('\n') ?? [])
        {
            // "0::/path" (version 2) or "5:memory:/path" (version 1); cgroups(7).
            var parts = line.Split(':', 3);
            if (parts.Length < 3) continue;
            var isSecond = parts[0] == "0";
            if (!isSecond && !parts[1].Split(',').Contains("memory")) continue;
            var (mount, names) = isSecond ? ("sys/fs/cgroup", FileNames.Second) : ("sys/fs/cgroup/memory", FileNames.First);
            var segments = parts[2].Split('/', StringSplitOptions.RemoveEmptyEntries);
            for (var count = segments.Length; count >= 0; count--) yield return (Path.Combine([_root, mount, .. segments.Take(count)]), names);
        }
    }

    private static long? Left(string folder, FileNames names)
    {
        // "max" and the huge number of version 1 are no limits; the root has no file at all.
        if (!long.TryParse(Read(Path.Combine(folder, names.Limit)), NumberStyles.None, CultureInfo.InvariantCulture, out var limit)) return null;
        if (!long.TryParse(Read(Path.Combine(folder, names.Used)), NumberStyles.None, CultureInfo.InvariantCulture, out var used)) return null;
        return Math.Max(0, limit - used + (Figure(Path.Combine(folder, "memory.stat"), names.Droppable) ?? 0));
    }

    private static long? Figure(string path, string name)
    {
        foreach (var line in Read(path)?.Split('\n') ?? [])
        {
            var words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (words.Length >= 2 && words[0] == name && long.TryParse(words[1], NumberStyles.None, CultureInfo.InvariantCulture, out var figure)) return figure;
        }

        return null;
    }

    private static string? Read(string path)
    {
        try
        {
            return File.ReadAllText(path).TrimEnd('\n');
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // Not there, or not ours to read: then it limits nothing that we know of.
            return null;
        }
    }

    private sealed record FileNames(string Limit, string Used, string Droppable)
    {
        public static readonly FileNames Second = new("memory.max", "memory.current", "inactive_file");
        public static readonly FileNames First = new("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file");
    }
}
