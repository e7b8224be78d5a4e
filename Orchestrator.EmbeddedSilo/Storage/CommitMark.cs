using System.Buffers.Binary;
using System.Globalization;
using Microsoft.Win32.SafeHandles;

namespace Orchestrator.EmbeddedSilo.Storage;

/// <summary>
/// Remembers beside the database how far its write-ahead log had come: SQLite drops whatever stands behind a damaged frame without a word, <c>integrity_check</c> included. After each commit the two
/// numbers are taken from the log's index (<c>-shm</c>, https://www.sqlite.org/walformat.html) and written to a file that nobody waits for: it may be older than the log, and is never newer.
/// </summary>
internal sealed class CommitMark : IDisposable
{
    private const ulong Version = 0x4F5243484D524B31; // "ORCHMRK1"
    private const int Bytes = 40, IndexBytes = 100, FramesAt = 16, SaltsAt = 32, BackfilledAt = 96;

    private readonly SafeFileHandle _index, _file;
    private readonly byte[] _read = new byte[IndexBytes], _write = new byte[Bytes];

    private CommitMark(SafeFileHandle index, SafeFileHandle file) => (_index, _file) = (index, file);

    public static string PathOf(string database) => database + "-mark";

    /// <summary>Begins to remember. Null when that cannot be done; the database is used all the same.</summary>
    public static CommitMark? TryBegin(string database)
    {
        // .NET takes a flock on whatever it opens, which on macOS stands in the way of SQLite's own locks on the same file.
        if (!OperatingSystem.IsLinux()) return null;
        SafeFileHandle? file = null;
        try
        {
            Create(PathOf(database));
            file = File.OpenHandle(PathOf(database), FileMode.Open, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete);

            // Last, and kept open until the database is closed: the locks that SQLite has on this file end when any handle of the process on it is closed (fcntl(2)).
            return new(File.OpenHandle(database + "-shm", FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete), file);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            file?.Dispose();
            return null;
        }
    }

    /// <summary>For its owner alone, as the database is.</summary>
    private static void Create(string path)
    {
        var options = new FileStreamOptions { Mode = FileMode.OpenOrCreate, Access = FileAccess.Write, Share = FileShare.ReadWrite };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        new FileStream(path, options).Dispose();
    }

    /// <summary>Remembers the commit that was just made. By the writer, which nobody comes between.</summary>
    public void Set()
    {
        try
        {
            if (RandomAccess.Read(_index, _read, 0) < IndexBytes) return;
            var frames = BitConverter.ToUInt32(_read, FramesAt);
            var backfilled = BitConverter.ToUInt32(_read, BackfilledAt);
            BinaryPrimitives.WriteUInt64BigEndian(_write, Version);
            _read.AsSpan(SaltsAt, 8).CopyTo(_write.AsSpan(8));
            BinaryPrimitives.WriteUInt32BigEndian(_write.AsSpan(16), frames);
            BinaryPrimitives.WriteUInt32BigEndian(_write.AsSpan(20), backfilled);

            // Twice, so that one that was cut in the middle is known.
            _write.AsSpan(8, 16).CopyTo(_write.AsSpan(24));
            RandomAccess.Write(_file, _write, 0);
        }
        catch (IOException)
        {
            // A full disk: the mark stays as it was, which is older and never wrong.
        }
    }

    /// <summary>After the database was closed in good order: its log is gone, and so is what was remembered of it.</summary>
    public static void Forget(string database) => File.Delete(PathOf(database));

    public void Dispose()
    {
        _file.Dispose();
        _index.Dispose();
    }

    /// <summary>Compares the log that is there with what was remembered of it. Before the database is opened: SQLite overwrites what it drops.</summary>
    /// <returns>For people, what is lost; null when nothing is, or nobody knows.</returns>
    public static string? FindLoss(string database)
    {
        var file = new FileInfo(PathOf(database));
        if (!file.Exists || !File.Exists(database)) return null;
        var mark = File.ReadAllBytes(file.FullName);
        if (mark.Length != Bytes || BinaryPrimitives.ReadUInt64BigEndian(mark) != Version || !mark.AsSpan(8, 16).SequenceEqual(mark.AsSpan(24))) return null;
        var (salts, frames, backfilled) = (BinaryPrimitives.ReadUInt64BigEndian(mark.AsSpan(8)), BinaryPrimitives.ReadUInt32BigEndian(mark.AsSpan(16)), BinaryPrimitives.ReadUInt32BigEndian(mark.AsSpan(20)));
        if (frames <= backfilled) return null;

        // Written after the mark: by another program that opened it, moved the log into the file, and removed it.
        var isNewer = File.GetLastWriteTimeUtc(database) > file.LastWriteTimeUtc;
        if (WriteAheadLog.Read(database + "-wal") is not { } log)
            return isNewer ? null : string.Create(CultureInfo.InvariantCulture, $"the write-ahead log is gone or its beginning is damaged, and with it up to {frames - backfilled} pages of what was written last");
        if (log.Salts != salts || log.Frames >= frames || log.Frames < backfilled && isNewer) return null;
        return string.Create(CultureInfo.InvariantCulture, $"the write-ahead log is damaged behind page {log.Frames} of {frames}, and with it the last {Math.Max(1, log.CommitsBehind)} commits or so");
    }
}
