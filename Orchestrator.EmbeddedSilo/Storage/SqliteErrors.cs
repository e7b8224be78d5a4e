using Microsoft.Data.Sqlite;

namespace Orchestrator.EmbeddedSilo.Storage;

/// <summary>Says what an SQLite error means for the silo, and what to do. Codes: https://www.sqlite.org/rescode.html.</summary>
internal static class SqliteErrors
{
    public static string Explain(SqliteException exception, string path) => exception.SqliteErrorCode switch
    {
        SQLitePCL.raw.SQLITE_BUSY or SQLitePCL.raw.SQLITE_LOCKED =>
            $"Database '{path}' is locked by another process. Stop that one (fuser '{path}' names it), then start again.",
        SQLitePCL.raw.SQLITE_READONLY or SQLitePCL.raw.SQLITE_PERM or SQLitePCL.raw.SQLITE_AUTH =>
            $"Database '{path}' is read-only. Give this user the right to write the file and its folder.",
        SQLitePCL.raw.SQLITE_CANTOPEN =>
            $"Database '{path}' cannot be opened. Check that its folder exists and that this user may write there.",
        SQLitePCL.raw.SQLITE_CORRUPT or SQLitePCL.raw.SQLITE_NOTADB =>
            $"Database '{path}' is corrupt, or no SQLite database ({exception.Message}). It was left as it is: restore a backup, or move it away to start empty.",
        SQLitePCL.raw.SQLITE_FULL =>
            $"The disk of database '{path}' is full. Free some space, then start again.",
        SQLitePCL.raw.SQLITE_IOERR =>
            $"Database '{path}' could not be read or written ({exception.Message}). Check the disk.",
        _ => $"Database '{path}' failed: {exception.Message}",
    };
}
