using Orchestrator.Silo.Health;
using Orchestrator.Testing;

namespace Orchestrator.Silo.Tests.Capacity;

/// <summary>What the kernel's files say of memory; bytes in tests are small numbers.</summary>
public sealed class MachineMemoryTests
{
    private const string Meminfo = "MemTotal:       2048 kB\nMemFree:         100 kB\nMemAvailable:    500 kB\nSwapTotal: 0 kB\n";

    [Fact]
    public void This_machine_has_some()
    {
        if (!OperatingSystem.IsLinux()) return;
        Assert.InRange(new MachineMemory().AvailableBytes!.Value, 1L << 20, 1L << 50);
    }

    [Fact]
    public void Without_a_limit_the_machines_figure_counts()
    {
        using var files = new ScratchFolder();
        Write(files, "proc/meminfo", Meminfo);
        Write(files, "proc/self/cgroup", "0::/system.slice/x.service\n");
        Write(files, "sys/fs/cgroup/system.slice/x.service/memory.max", "max\n");
        Write(files, "sys/fs/cgroup/system.slice/x.service/memory.current", "999\n");
        Check(500 * 1024, files);
    }

    [Fact]
    public void The_tightest_limit_of_the_own_cgroup_and_those_above_it_counts_and_droppable_pages_are_free()
    {
        using var files = new ScratchFolder();
        Write(files, "proc/meminfo", Meminfo);
        Write(files, "proc/self/cgroup", "0::/a/b\n");
        Write(files, "sys/fs/cgroup/a/memory.max", "90000\n");
        Write(files, "sys/fs/cgroup/a/memory.current", "80000\n");
        Write(files, "sys/fs/cgroup/a/memory.stat", "anon 1\ninactive_file 2500\nactive_file 7\n");
        Write(files, "sys/fs/cgroup/a/b/memory.max", "50000\n");
        Write(files, "sys/fs/cgroup/a/b/memory.current", "20000\n");
        Check(12_500, files);
    }

    [Fact]
    public void The_first_version_of_cgroups_is_read_too()
    {
        using var files = new ScratchFolder();
        Write(files, "proc/meminfo", Meminfo);
        Write(files, "proc/self/cgroup", "12:cpu,cpuacct:/docker/1\n5:memory:/docker/1\n");
        Write(files, "sys/fs/cgroup/memory/memory.limit_in_bytes", "10000\n");
        Write(files, "sys/fs/cgroup/memory/memory.usage_in_bytes", "12000\n");
        Write(files, "sys/fs/cgroup/memory/memory.stat", "total_inactive_file 1000\n");
        Check(0, files);
    }

    [Fact]
    public void What_cannot_be_read_is_not_known()
    {
        using var files = new ScratchFolder();
        Check(null, files);
    }

    private static void Check(long? expected, ScratchFolder files)
    {
        if (OperatingSystem.IsLinux()) Assert.Equal(expected, new MachineMemory(files.At("")).AvailableBytes);
    }

    private static void Write(ScratchFolder files, string path, string text)
    {
        var target = files.At(path);
        Directory.CreateDirectory(Path.GetDirectoryName(target)!);
        File.WriteAllText(target, text);
    }
}
