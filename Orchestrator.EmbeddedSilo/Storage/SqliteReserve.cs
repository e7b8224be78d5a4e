using Microsoft.Data.Sqlite;

namespace Orchestrator.EmbeddedSilo.Storage;

/// <summary>
/// Room for the last writes on a full disk, in three places: free pages inside the database (whoever fills the disk cannot take them, and a checkpoint needs them), a write-ahead log that is as long as
/// it will be (likewise), and a file beside the database that is deleted when both are used up. The writer's thread gives it up, another one takes it back.
/// </summary>
/// <param name="path">The database.</param>
/// <param name="bytes">Of the file and of the log; a quarter of it inside the database. 0: nothing is kept.</param>
internal sealed class SqliteReserve(string path, long bytes)
{
    private const int PieceBytes = 256 * 1024;
    private readonly Lock _gate = new();
    private readonly string _file = path + ".reserve";

    /// <summary>Whether the file is there. True when nothing is to be kept.</summary>
    public bool IsWhole => bytes == 0 || Length(_file) >= bytes;

    /// <summary>Deletes the file.</summary>
    /// <returns>Whether that made room.</returns>
    public bool GiveUp()
    {
        lock (_gate)
        {
            if (Length(_file) == 0) return false;
            try
            {
                File.Delete(_file);
                return true;
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                return false;
            }
        }
    }

    /// <summary>Makes the file as long as it is to be.</summary>
    /// <returns>Whether there was room for it.</returns>
    public bool TryTakeFile() => bytes == 0 || TryLengthen(_file, Random.Shared);

    /// <summary>Whether the log is too short, or there are too few free pages inside the database: what it grows by comes from them.</summary>
    public bool IsLackingInside(SqliteSession session) => bytes > 0 && (Length(path + "-wal") < bytes || LacksPages(session));

    /// <summary>
    /// Makes the log as long as it is to be, and sees to free pages inside the database: a table is made as large as they are to be, and dropped. In a transaction of the caller's that has the write lock:
    /// whoever else commits, or cuts the log, between the look at its end and the write there would have what was committed overwritten.
    /// </summary>
    /// <returns>Whether there was room for the log.</returns>
    /// <exception cref="SqliteException">There is no room for the pages.</exception>
    public bool TryTakeInside(SqliteSession session)
    {
        if (bytes == 0) return true;
        if (LacksPages(session)) session.ExecuteScript($"CREATE TABLE free_pages (room BLOB); INSERT INTO free_pages VALUES (zeroblob({bytes / 4})); DROP TABLE free_pages");
        return TryLengthen(path + "-wal", null);
    }

    /// <summary>All of it, when there is no transaction yet.</summary>
    /// <returns>Whether there was room for it.</returns>
    public bool TryTakeAlone(SqliteSession session)
    {
        if (bytes == 0) return true;
        try
        {
            session.Execute("BEGIN IMMEDIATE");
            var isLogTaken = TryTakeInside(session);
            session.Execute("COMMIT");
            return isLogTaken && TryTakeFile();
        }
        catch (SqliteException exception) when (SqliteFault.IsFull(exception))
        {
            if (!session.IsAutocommit) session.Execute("ROLLBACK");
            return false;
        }
    }

    private bool LacksPages(SqliteSession session) => (long)session.Scalar("PRAGMA freelist_count")! * (long)session.Scalar("PRAGMA page_size")! < bytes / 8;

    private bool TryLengthen(string file, Random? content)
    {
        lock (_gate)
        {
            try
            {
                Lengthen(file, content);
                return true;
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                // Half of it would be room that nobody has.
                File.Delete(_file);
                return false;
            }
        }
    }

    /// <summary>Written, not only made longer: a file with holes has no room of its own, nor has one of zeros where disks compress. What SQLite finds behind a log's end it does not read.</summary>
    private void Lengthen(string file, Random? content)
    {
        if (Length(file) >= bytes) return;
        var piece = new byte[PieceBytes];
        var options = new FileStreamOptions { Mode = FileMode.OpenOrCreate, Access = FileAccess.Write, Share = FileShare.ReadWrite, BufferSize = 0 };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        using var stream = new FileStream(file, options);
        stream.Position = stream.Length;
        while (stream.Position < bytes)
        {
            content?.NextBytes(piece);
            stream.Write(piece, 0, (int)Math.Min(piece.Length, bytes - stream.Position));
        }
    }

    private static long Length(string file) => new FileInfo(file) is { Exists: true } info ? info.Length : 0;
}
