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

    /// <summary>Makes the file and the log as long as they are to be.</summary>
    /// <returns>Whether there was room for it.</returns>
    public bool TryTake()
    {
        if (bytes == 0) return true;
        lock (_gate)
        {
            try
            {
                Lengthen(_file, Random.Shared);
                Lengthen(path + "-wal", null);
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

    /// <summary>Whether there are too few free pages inside the database: what it grows by comes from them.</summary>
    public bool LacksPages(SqliteSession session) => bytes > 0 && (long)session.Scalar("PRAGMA freelist_count")! * (long)session.Scalar("PRAGMA page_size")! < bytes / 8;

    /// <summary>Sees to free pages inside the database: a table is made as large as they are to be, and dropped. In a transaction of the caller's.</summary>
    /// <exception cref="SqliteException">There is no room.</exception>
    public void TakePages(SqliteSession session)
    {
        session.ExecuteScript($"CREATE TABLE free_pages (room BLOB); INSERT INTO free_pages VALUES (zeroblob({bytes / 4})); DROP TABLE free_pages");
    }

    /// <summary>The same, when there is no transaction yet.</summary>
    /// <returns>Whether there was room for it.</returns>
    public bool TryTakePagesAlone(SqliteSession session)
    {
        if (!LacksPages(session)) return true;
        try
        {
            session.Execute("BEGIN IMMEDIATE");
            TakePages(session);
            session.Execute("COMMIT");
            return true;
        }
        catch (SqliteException exception) when (SqliteFault.IsFull(exception))
        {
            if (!session.IsAutocommit) session.Execute("ROLLBACK");
            return false;
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
