using Microsoft.Win32.SafeHandles;

namespace Orchestrator.Processes;

/// <summary>An exclusive <c>flock</c> on a file, held until it is disposed or the process ends, however it ends. Programs that are started do not inherit it.</summary>
internal sealed class FileLock : IDisposable
{
    private const int Shared = 1, Exclusive = 2, NonBlocking = 4;
    private readonly SafeFileHandle _file;

    private FileLock(SafeFileHandle file) => _file = file;

    /// <summary>
    /// Takes the lock; null when another holds it. Tries for that long, because a probe (<see cref="IsHeld"/>) holds it for an instant, too. Blocks the calling thread.
    /// </summary>
    internal static FileLock? TryAcquire(string path, TimeSpan patience)
    {
        var file = OpenOrCreate(path);
        try
        {
            var startedAt = TimeProvider.System.GetTimestamp();
            using var never = new ManualResetEventSlim();
            while (true)
            {
                if (Lock(file, Exclusive)) return new FileLock(file);
                if (TimeProvider.System.GetElapsedTime(startedAt) >= patience) break;
                never.Wait(TimeSpan.FromMilliseconds(5));
            }
        }
        catch (IOException)
        {
            file.Dispose();
            throw;
        }

        file.Dispose();
        return null;
    }

    /// <summary>Whether a process holds it. False when there is no such file.</summary>
    internal static bool IsHeld(string path)
    {
        using var file = LibC.TryOpen(path);
        return file is not null && !Lock(file, Shared);
    }

    private static SafeFileHandle OpenOrCreate(string path)
    {
        while (true)
        {
            if (LibC.TryOpen(path) is { } file) return file;
            try
            {
                var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite };
                new FileStream(path, options).Dispose();
            }
            catch (IOException) when (File.Exists(path))
            {
                // Another was quicker to make it.
            }
        }
    }

    /// <summary>Lets go of it. The file stays: were it removed, two could hold "the" lock.</summary>
    public void Dispose() => _file.Dispose();

    private static bool Lock(SafeFileHandle file, int operation)
    {
        if (LibC.LockFile(file, operation | NonBlocking) == 0) return true;
        var failure = LibC.Failure("flock");
        return failure.HResult == LibC.WouldBlock ? false : throw failure;
    }
}
