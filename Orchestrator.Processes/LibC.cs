using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Orchestrator.Processes;

/// <summary>The C library's calls that .NET has no words for. Numbers are the same on Linux (glibc, musl) and macOS unless a member says so.</summary>
internal static unsafe partial class LibC
{
    internal const int Interrupted = 4;
    internal const int NoChild = 10;
    internal static readonly int WouldBlock = OperatingSystem.IsMacOS() ? 35 : 11;

    /// <summary><c>posix_spawnattr_t</c> (336 bytes in glibc) and <c>posix_spawn_file_actions_t</c> (80) fit in, and so does macOS' pointer.</summary>
    internal const int OpaqueBytes = 512;

    internal const short SpawnSetSignalDefaults = 0x04;
    internal const short SpawnSetSignalMask = 0x08;
    internal static readonly short SpawnSetSession = (short)(OperatingSystem.IsMacOS() ? 0x0400 : 0x80);

    /// <summary>macOS only: descriptors that no file action names are closed in the child.</summary>
    internal const short SpawnCloseOnExecDefault = 0x4000;

    private static readonly int CloseOnExecFlag = OperatingSystem.IsMacOS() ? 0x0100_0000 : 0x8_0000;

    internal static string Describe(int error) => Marshal.GetPInvokeErrorMessage(error);

    /// <summary>A pipe whose ends no program that is started inherits.</summary>
    internal static (int Read, int Write) OpenPipe()
    {
        var ends = stackalloc int[2];
        if (OperatingSystem.IsLinux())
        {
            if (Pipe2(ends, CloseOnExecFlag) != 0) throw Failure("pipe2");
            return (ends[0], ends[1]);
        }

        if (Pipe(ends) != 0) throw Failure("pipe");
        const int SetDescriptorFlags = 2, CloseOnExec = 1;
        Control(ends[0], SetDescriptorFlags, CloseOnExec);
        Control(ends[1], SetDescriptorFlags, CloseOnExec);
        return (ends[0], ends[1]);
    }

    /// <summary>Waits until the folder's entries are on the disk.</summary>
    internal static void FlushFolder(string path)
    {
        var descriptor = Open(path, CloseOnExecFlag);
        if (descriptor < 0) throw Failure($"open {path}");
        try
        {
            // Some file systems have no fsync for folders and say EINVAL; they have nothing to wait for.
            _ = FlushToDisk(descriptor);
        }
        finally
        {
            _ = Close(descriptor);
        }
    }

    /// <summary>
    /// Opens a file that is there for reading and writing, and without the <c>flock</c> that .NET takes by itself whenever it opens a file. Null when it is not there.
    /// </summary>
    internal static SafeFileHandle? TryOpen(string path)
    {
        const int ReadWrite = 2, NoEntry = 2, NotFolder = 20;
        var descriptor = Open(path, ReadWrite | CloseOnExecFlag);
        if (descriptor >= 0) return new SafeFileHandle(descriptor, ownsHandle: true);
        return Marshal.GetLastPInvokeError() is NoEntry or NotFolder ? null : throw Failure($"open {path}");
    }

    /// <summary>Reads a file of /proc, as far as there is room: these have no length, and often vanish, which is no exception here.</summary>
    /// <returns>How many bytes it has; as many as there is room for when it has more; -1 when it cannot be read.</returns>
    internal static int TryReadFile(string path, Span<byte> room)
    {
        var descriptor = Open(path, CloseOnExecFlag);
        if (descriptor < 0) return -1;
        using var file = new SafeFileHandle(descriptor, ownsHandle: true);
        var length = 0;
        fixed (byte* start = room)
        {
            while (length < room.Length)
            {
                var count = Read(file, start + length, room.Length - length);
                if (count == 0) break;
                if (count > 0) length += (int)count;
                else if (Marshal.GetLastPInvokeError() != Interrupted) return -1;
            }
        }

        return length;
    }

    internal static IOException Failure(string call)
    {
        var error = Marshal.GetLastPInvokeError();
        return new IOException($"{call}: {Describe(error)}", error);
    }

    [LibraryImport("libc", EntryPoint = "posix_spawn", StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int Spawn(out int pid, string path, void* fileActions, void* attributes, byte** arguments, byte** environment);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_init")]
    internal static partial int InitializeAttributes(void* attributes);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_destroy")]
    internal static partial int DestroyAttributes(void* attributes);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_setflags")]
    internal static partial int SetFlags(void* attributes, short flags);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_setsigdefault")]
    internal static partial int SetSignalDefaults(void* attributes, void* signals);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_setsigmask")]
    internal static partial int SetSignalMask(void* attributes, void* signals);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_init")]
    internal static partial int InitializeFileActions(void* actions);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_destroy")]
    internal static partial int DestroyFileActions(void* actions);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_adddup2")]
    internal static partial int AddDuplicate(void* actions, int from, int to);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_addopen", StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int AddOpen(void* actions, int descriptor, string path, int flags, uint mode);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_addchdir_np", StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int AddChangeFolder(void* actions, string path);

    [LibraryImport("libc", EntryPoint = "sigemptyset")]
    internal static partial int EmptySet(void* signals);

    [LibraryImport("libc", EntryPoint = "sigfillset")]
    internal static partial int FillSet(void* signals);

    [LibraryImport("libc", EntryPoint = "sigdelset")]
    internal static partial int RemoveFromSet(void* signals, int signal);

    [LibraryImport("libc", EntryPoint = "waitpid", SetLastError = true)]
    internal static partial int WaitForChild(int pid, out int status, int options);

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    internal static partial int Kill(int pid, int signal);

    [LibraryImport("libc", EntryPoint = "signal")]
    internal static partial nint SetDisposition(int signal, nint disposition);

    [LibraryImport("libc", EntryPoint = "getsid", SetLastError = true)]
    internal static partial int SessionOf(int pid);

    [LibraryImport("libc", EntryPoint = "access", StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int Access(string path, int mode);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    internal static partial nint Read(SafeFileHandle file, byte* bytes, nint count);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    internal static partial nint Write(int descriptor, byte* bytes, nint count);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    internal static partial nint Write(SafeFileHandle file, byte* bytes, nint count);

    [LibraryImport("libc", EntryPoint = "close")]
    internal static partial int Close(int descriptor);

    [LibraryImport("libc", EntryPoint = "flock", SetLastError = true)]
    internal static partial int LockFile(SafeFileHandle file, int operation);

    /// <summary>Linux only.</summary>
    [LibraryImport("libc", EntryPoint = "prctl", SetLastError = true)]
    internal static partial int ProcessControl(int option, nuint value, nuint unused1, nuint unused2, nuint unused3);

    /// <summary>macOS only: numerator and denominator that make nanoseconds of the machine's clock units.</summary>
    [LibraryImport("libc", EntryPoint = "mach_timebase_info")]
    internal static partial int ReadTimebase(uint* fraction);

    /// <summary>macOS only.</summary>
    [LibraryImport("libproc", EntryPoint = "proc_pidinfo")]
    internal static partial int ProcessInformation(int pid, int flavor, ulong argument, void* buffer, int size);

    /// <summary>macOS only.</summary>
    [LibraryImport("libproc", EntryPoint = "proc_listallpids")]
    internal static partial int ListProcesses(void* buffer, int size);

    /// <summary>macOS only.</summary>
    [LibraryImport("libc", EntryPoint = "sysctlbyname", StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int ReadSystemValue(string name, void* value, ref nuint size, void* newValue, nuint newSize);

    [LibraryImport("libc", EntryPoint = "fsync")]
    private static partial int FlushToDisk(int descriptor);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    /// <summary>Linux only.</summary>
    [LibraryImport("libc", EntryPoint = "pipe2", SetLastError = true)]
    private static partial int Pipe2(int* ends, int flags);

    [LibraryImport("libc", EntryPoint = "pipe", SetLastError = true)]
    private static partial int Pipe(int* ends);

    // fcntl takes its third argument as a variable one; on Apple's arm64 those go by the stack, so that the eighth place after it is where it is looked for.
    private static void Control(int descriptor, int command, int value)
    {
        if (OperatingSystem.IsMacOS() && RuntimeInformation.ProcessArchitecture == Architecture.Arm64)
            _ = ControlApple(descriptor, command, 0, 0, 0, 0, 0, 0, value);
        else
            _ = ControlPlain(descriptor, command, value);
    }

    [LibraryImport("libc", EntryPoint = "fcntl")]
    private static partial int ControlPlain(int descriptor, int command, nint value);

    [LibraryImport("libc", EntryPoint = "fcntl")]
    private static partial int ControlApple(int descriptor, int command, nint r2, nint r3, nint r4, nint r5, nint r6, nint r7, nint value);
}
