using Microsoft.Data.Sqlite;

namespace Orchestrator.EmbeddedSilo.Storage;

/// <summary>One row of a query.</summary>
public readonly ref struct SqliteRow
{
    private readonly SqliteStatement _statement;

    internal SqliteRow(SqliteStatement statement) => _statement = statement;

    /// <summary>Whether the column is NULL.</summary>
    public bool IsNull(int column) => _statement.IsNull(column);

    /// <summary>An INTEGER; 0 for NULL.</summary>
    public long Int64(int column) => _statement.Int64(column);

    /// <summary>A REAL; 0 for NULL.</summary>
    public double Double(int column) => _statement.Double(column);

    /// <summary>A TEXT; null for NULL.</summary>
    public string Text(int column) => _statement.Text(column);

    /// <summary>A BLOB, valid until the next row; empty for NULL.</summary>
    public ReadOnlySpan<byte> Blob(int column) => _statement.Blob(column);
}

/// <summary>Reads one row.</summary>
public delegate T SqliteRowReader<out T>(SqliteRow row);

/// <summary>One connection with its prepared statements. Used by one thread at a time.</summary>
public sealed class SqliteSession : IDisposable
{
    private readonly Dictionary<string, SqliteStatement> _statements = new(StringComparer.Ordinal);

    internal SqliteSession(SqliteConnection connection) => Connection = connection;

    /// <summary>The connection, for what the methods here do not do.</summary>
    public SqliteConnection Connection { get; }

    /// <summary>Whether no transaction is open: SQLite ends one by itself on errors such as a full disk.</summary>
    internal bool IsAutocommit => SQLitePCL.raw.sqlite3_get_autocommit(Connection.Handle) != 0;

    /// <summary>Runs one statement and returns the number of rows that it changed.</summary>
    /// <param name="sql">A constant: it is prepared once and kept.</param>
    /// <param name="values">For the parameters <c>?1</c>, <c>?2</c> … : text, long, int, double, byte[] or null.</param>
    /// <exception cref="SqliteException">It failed.</exception>
    public int Execute(string sql, params ReadOnlySpan<object?> values)
    {
        var statement = Bind(sql, values);
        try
        {
            while (statement.Step())
            {
            }

            return SQLitePCL.raw.sqlite3_changes(Connection.Handle!);
        }
        finally
        {
            statement.Reset();
        }
    }

    /// <summary>Runs a query and returns what was read of each row.</summary>
    /// <inheritdoc cref="Execute" />
    public List<T> Query<T>(string sql, SqliteRowReader<T> read, params ReadOnlySpan<object?> values)
    {
        ArgumentNullException.ThrowIfNull(read);
        var statement = Bind(sql, values);
        try
        {
            var rows = new List<T>();
            while (statement.Step()) rows.Add(read(new SqliteRow(statement)));
            return rows;
        }
        finally
        {
            statement.Reset();
        }
    }

    /// <summary>Runs a query and returns the first column of the first row; null when there is none or it is NULL.</summary>
    /// <inheritdoc cref="Execute" />
    public object? Scalar(string sql, params ReadOnlySpan<object?> values)
    {
        var statement = Bind(sql, values);
        try
        {
            return statement.Step() ? statement.Value(0) : null;
        }
        finally
        {
            statement.Reset();
        }
    }

    /// <summary>Runs a script of several statements.</summary>
    /// <exception cref="SqliteException">One failed; those before it took effect, unless a transaction is open.</exception>
    public void ExecuteScript(string sql) => SqliteException.ThrowExceptionForRC(SQLitePCL.raw.sqlite3_exec(Connection.Handle!, sql), Connection.Handle);

    /// <inheritdoc />
    public void Dispose()
    {
        foreach (var statement in _statements.Values) statement.Dispose();
        Connection.Dispose();
    }

    private SqliteStatement Bind(string sql, ReadOnlySpan<object?> values)
    {
        if (!_statements.TryGetValue(sql, out var statement)) _statements.Add(sql, statement = new(Connection.Handle!, sql));
        statement.Bind(values);
        return statement;
    }
}
