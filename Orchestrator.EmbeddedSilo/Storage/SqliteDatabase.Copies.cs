using Microsoft.Data.Sqlite;
using Orleans.Runtime;

namespace Orchestrator.EmbeddedSilo.Storage;

/// <content>Copies of the database, and looks at whether it is whole.</content>
public sealed partial class SqliteDatabase
{
    /// <summary>
    /// Copies the database as it is at this moment into another file, by SQLite's online backup: writers go on meanwhile. Blocks the calling thread, and is on disk when it returns.
    /// </summary>
    /// <param name="path">A file that does not exist.</param>
    /// <exception cref="OrleansException">It cannot be read or written; the message says why and what to do. The file may be there, and is worth nothing.</exception>
    public void CopyTo(string path)
    {
        if (File.Exists(path)) throw new ArgumentException($"'{path}' exists.", nameof(path));
        Create(path);
        Read(source =>
        {
            using var target = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Pooling = false }.ToString());
            try
            {
                target.Open();
                source.Connection.BackupDatabase(target);
            }
            catch (SqliteException exception) when (!SqliteFault.IsCorrupt(exception))
            {
                throw new OrleansException(SqliteErrors.Explain(exception, path), exception);
            }

            return true;
        });
        using var file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None);
        file.Flush(flushToDisk: true);
    }

    /// <summary>Reads all of the database (<c>quick_check</c>) by a connection of its own, beside all others. Blocks the calling thread. What it finds is told as a fault, too.</summary>
    /// <returns>What is wrong; null: nothing.</returns>
    public string? Check()
    {
        try
        {
            using var session = new SqliteSession(Connect(SqliteOpenMode.ReadOnly));
            if (Problem(session) is not { } problem) return null;
            Tell(new SqliteException($"quick_check: {problem}", SQLitePCL.raw.SQLITE_CORRUPT));
            return problem;
        }
        catch (SqliteException exception)
        {
            Tell(exception);
            return exception.Message;
        }
    }

    /// <summary>The same for a copy, which nobody has open.</summary>
    /// <returns>What is wrong; null: nothing.</returns>
    public static string? CheckCopy(string path)
    {
        try
        {
            using var session = new SqliteSession(new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Mode = SqliteOpenMode.ReadWrite, Pooling = false }.ToString()));
            session.Connection.Open();
            return Problem(session);
        }
        catch (SqliteException exception)
        {
            return exception.Message;
        }
    }

    private static string? Problem(SqliteSession session) => session.Scalar("PRAGMA quick_check(1)") is string problem and not "ok" ? problem : null;

    /// <summary>For its owner alone.</summary>
    private static void Create(string path)
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        new FileStream(path, options).Dispose();
    }
}
