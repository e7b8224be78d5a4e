using Microsoft.Data.Sqlite;
using Orleans.Runtime;

namespace Orchestrator.EmbeddedSilo.Storage;

/// <summary>Says what an SQLite error means for the silo, and what to do. Codes: https://www.sqlite.org/rescode.html.</summary>
internal static class SqliteErrors
{
    /// <summary>Whether the error comes from the file, its disk or another process, and not from the statement.</summary>
    public static bool IsOfTheFile(SqliteException exception) => exception.SqliteErrorCode is SQLitePCL.raw.SQLITE_BUSY or SQLitePCL.raw.SQLITE_LOCKED
        or SQLitePCL.raw.SQLITE_READONLY or SQLitePCL.raw.SQLITE_PERM or SQLitePCL.raw.SQLITE_AUTH or SQLitePCL.raw.SQLITE_CANTOPEN
        or SQLitePCL.raw.SQLITE_CORRUPT or SQLitePCL.raw.SQLITE_NOTADB or SQLitePCL.raw.SQLITE_FULL or SQLitePCL.raw.SQLITE_IOERR;

    /// <summary>Errors of the database's surroundings get a message for people; those of a statement, such as a broken constraint, are its author's.</summary>
    public static Exception Wrap(Exception exception, string path) =>
        exception is SqliteException { SqliteErrorCode: not (SQLitePCL.raw.SQLITE_ERROR or SQLitePCL.raw.SQLITE_CONSTRAINT or SQLitePCL.raw.SQLITE_MISMATCH) } sqlite
            ? new OrleansException(Explain(sqlite, path), sqlite)
            : exception;

    public static string Explain(SqliteException exception, string path) => exception.SqliteErrorCode switch
    {
        SQLitePCL.raw.SQLITE_BUSY or SQLitePCL.raw.SQLITE_LOCKED =>
            $"Database '{path}' is locked by another process. Stop that one (fuser '{path}' names it), then try again.",
        SQLitePCL.raw.SQLITE_READONLY or SQLitePCL.raw.SQLITE_PERM or SQLitePCL.raw.SQLITE_AUTH =>
            $"Database '{path}' is read-only. Give this user the right to write the file and its folder.",
        SQLitePCL.raw.SQLITE_CANTOPEN =>
            $"Database '{path}' cannot be opened. Check that its folder exists and that this user may write the file and the folder.",
        SQLitePCL.raw.SQLITE_CORRUPT or SQLitePCL.raw.SQLITE_NOTADB =>
            $"Database '{path}' is corrupt, or no SQLite database ({exception.Message}). It was left as it is: restore a backup, or move it away to start empty.",
        SQLitePCL.raw.SQLITE_FULL =>
            $"The disk of database '{path}' is full. Free some space, then try again.",
        SQLitePCL.raw.SQLITE_IOERR =>
            $"Database '{path}' could not be read or written ({exception.Message}). Check the disk.",
        _ => $"Database '{path}' failed: {exception.Message}",
    };
}
