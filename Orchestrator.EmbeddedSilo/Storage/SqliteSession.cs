using Microsoft.Data.Sqlite;

namespace Orchestrator.EmbeddedSilo.Storage;

/// <summary>One connection with its prepared statements. Used by one thread at a time.</summary>
public sealed class SqliteSession : IDisposable
{
    private readonly Dictionary<string, SqliteCommand> _commands = new(StringComparer.Ordinal);

    internal SqliteSession(SqliteConnection connection) => Connection = connection;

    /// <summary>The connection.</summary>
    public SqliteConnection Connection { get; }

    /// <summary>The prepared statement of that text, with these values for its parameters <c>$1</c>, <c>$2</c> … . Is run before the next one is asked for.</summary>
    public SqliteCommand Command(string sql, params ReadOnlySpan<object?> values)
    {
        if (!_commands.TryGetValue(sql, out var command))
        {
            command = Connection.CreateCommand();
#pragma warning disable CA2100 // All statements are constants of the calling code; values are parameters.
            command.CommandText = sql;
#pragma warning restore CA2100
            for (var i = 1; i <= values.Length; i++) command.Parameters.Add(new SqliteParameter { ParameterName = $"${i}" });
            _commands.Add(sql, command);
        }

        for (var i = 0; i < values.Length; i++) command.Parameters[i].Value = values[i] ?? DBNull.Value;
        return command;
    }

    /// <summary>Runs a statement and returns the number of rows that it changed.</summary>
    public int Execute(string sql, params ReadOnlySpan<object?> values) => Command(sql, values).ExecuteNonQuery();

    /// <summary>Runs a query and returns the first column of the first row; null when there is none.</summary>
    public object? Scalar(string sql, params ReadOnlySpan<object?> values) => Command(sql, values).ExecuteScalar() is { } value and not DBNull ? value : null;

    /// <inheritdoc />
    public void Dispose()
    {
        foreach (var command in _commands.Values) command.Dispose();
        Connection.Dispose();
    }
}
