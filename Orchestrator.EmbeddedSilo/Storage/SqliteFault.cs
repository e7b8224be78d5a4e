using Microsoft.Data.Sqlite;

namespace Orchestrator.EmbeddedSilo.Storage;

/// <summary>What is wrong with the database's file.</summary>
public enum SqliteFaultKind
{
    /// <summary>Its disk is full. What was written may have been stored all the same, in the room that was kept for that (<see cref="SqliteOptions.ReserveBytes"/>).</summary>
    Full = 1,

    /// <summary>It is damaged, or no database: whatever is read from it may be wrong.</summary>
    Corrupt = 2,

    /// <summary>It cannot be read or written for another reason: locked, read-only, or its disk fails.</summary>
    Unusable = 3,
}

/// <summary>A fault of the database's file that somebody met.</summary>
/// <param name="Kind">What is wrong.</param>
/// <param name="Message">For people: the file, the cause, what to do.</param>
public sealed record SqliteFault(SqliteFaultKind Kind, string Message)
{
    private const int SharedMemorySize = SQLitePCL.raw.SQLITE_IOERR | (19 << 8);

    /// <summary>The fault behind an exception of the silo's; null when there is none, or it is no SQLite error.</summary>
    public static SqliteFault? In(Exception exception)
    {
        ArgumentNullException.ThrowIfNull(exception);
        return exception.InnerException is SqliteException error && SqliteErrors.IsOfTheFile(error) ? Of(error, exception.Message) with { Message = exception.Message } : null;
    }

    /// <summary>Whether the disk has no room.</summary>
    internal static bool IsFull(SqliteException exception) => exception.SqliteErrorCode == SQLitePCL.raw.SQLITE_FULL || exception.SqliteExtendedErrorCode == SharedMemorySize;

    internal static bool IsCorrupt(SqliteException exception) => exception.SqliteErrorCode is SQLitePCL.raw.SQLITE_CORRUPT or SQLitePCL.raw.SQLITE_NOTADB;

    internal static SqliteFault Of(SqliteException exception, string path) => new(
        IsFull(exception) ? SqliteFaultKind.Full : IsCorrupt(exception) ? SqliteFaultKind.Corrupt : SqliteFaultKind.Unusable, SqliteErrors.Explain(exception, path));
}
