using System.Runtime.InteropServices;
using System.Text;

namespace Orchestrator.Silo.Agents.Output;

/// <summary>
/// Asks Linux's <c>statx</c>(2), whose layout is the same on every architecture, who owns a file. Elsewhere there is no such call with one layout: there the other checks
/// of <see cref="ResultFile"/> stand alone.
/// </summary>
internal static class FileOwner
{
    private const int AtFdCwd = -100;
    private const int AtSymlinkNoFollow = 0x100;
    private const uint StatxTypeModeUid = 0x1 | 0x2 | 0x8;
    private const int StatxSize = 256;
    private const int UidOffset = 20;
    private const int ModeOffset = 28;
    private const int TypeMask = 0xF000;
    private const int RegularFile = 0x8000;

    /// <summary>Whether it is a regular file (no link) of this process's user.</summary>
    public static bool IsOwnRegularFile(string path)
    {
        if (!OperatingSystem.IsLinux()) return true;
        var answer = new byte[StatxSize];
        if (statx(AtFdCwd, Encoding.UTF8.GetBytes(path + '\0'), AtSymlinkNoFollow, StatxTypeModeUid, answer) != 0) return false;
        var mode = MemoryMarshal.Read<ushort>(answer.AsSpan(ModeOffset));
        return (mode & TypeMask) == RegularFile && MemoryMarshal.Read<uint>(answer.AsSpan(UidOffset)) == geteuid();
    }

#pragma warning disable SYSLIB1054 // Blittable arguments only: nothing is left for a generator to marshal, which would need unsafe code here.
    [DllImport("libc", EntryPoint = "statx", ExactSpelling = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int statx(int folder, byte[] path, int flags, uint mask, byte[] answer);

    [DllImport("libc", EntryPoint = "geteuid", ExactSpelling = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern uint geteuid();
#pragma warning restore SYSLIB1054
}
