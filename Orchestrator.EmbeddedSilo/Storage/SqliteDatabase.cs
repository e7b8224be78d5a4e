using System.Collections.Concurrent;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Orleans.Runtime;

namespace Orchestrator.EmbeddedSilo.Storage;

/// <summary>
/// The silo's database: one writer that commits in groups, readers beside it. The application may keep its own tables in it and write to them
/// through the same group commits.
/// </summary>
public sealed partial class SqliteDatabase
{
    private const int ApplicationId = 0x4F524348; // "ORCH": tells our files from others.
    private const int ReadersKept = 8;

    private readonly SqliteOptions _options;
    private readonly ILogger _log;
    private readonly ConcurrentBag<SqliteSession> _readers = [];
    private GroupCommitWriter? _writer;

    /// <summary>Opens nothing yet.</summary>
    public SqliteDatabase(IOptions<SqliteOptions> options, ILogger<SqliteDatabase> log, TimeProvider clock)
    {
        ArgumentNullException.ThrowIfNull(options);
        (_options, _log, Clock) = (options.Value, log, clock);
    }

    internal TimeProvider Clock { get; }

    internal GroupCommitStatistics Statistics { get; } = new();

    private GroupCommitWriter Writer => _writer ?? throw new InvalidOperationException($"Database '{_options.Path}' is not open.");

    /// <summary>Runs statements in the next group commit. When the task ends well, they are on disk; when it fails, none of them is.</summary>
    /// <param name="write">Runs on the writer's thread inside a transaction; an exception undoes what it did and nothing else.</param>
    public Task<T> WriteAsync<T>(Func<SqliteSession, T> write)
    {
        ArgumentNullException.ThrowIfNull(write);
        return Writer.EnqueueAsync(write, isAtomic: false);
    }

    /// <summary>Runs a query beside the writer; it sees what was committed before.</summary>
    public T Read<T>(Func<SqliteSession, T> read)
    {
        ArgumentNullException.ThrowIfNull(read);
        if (!_readers.TryTake(out var session)) session = new(Connect(SqliteOpenMode.ReadOnly));
        var isSound = false;
        try
        {
            var result = read(session);
            isSound = true;
            return result;
        }
        finally
        {
            if (isSound && _readers.Count < ReadersKept) _readers.Add(session);
            else session.Dispose();
        }
    }

    /// <summary>For a single statement, which is undone as a whole when it fails.</summary>
    internal Task<T> WriteStatementAsync<T>(Func<SqliteSession, T> write) => Writer.EnqueueAsync(write, isAtomic: true);

    /// <summary>Opens, checks and migrates the database.</summary>
    /// <exception cref="OrleansConfigurationException">It cannot be used; the message says why and what to do. Nothing was changed.</exception>
    internal void Open()
    {
        var path = System.IO.Path.GetFullPath(_options.Path);
        if (_options.Path.Length == 0) throw new OrleansConfigurationException("SqliteOptions.Path is empty: name the database file.");
        if (!Directory.Exists(System.IO.Path.GetDirectoryName(path)))
            throw new OrleansConfigurationException($"The folder of database '{path}' does not exist. Make it, or change SqliteOptions.Path.");
        SqliteSession? session = null;
        try
        {
            session = new(Connect(SqliteOpenMode.ReadWriteCreate));
            SqliteSchemaMigrator.Migrate(session, ApplicationId, [SiloSchema.Schema, .. _options.Schemas], path);
            _writer = new GroupCommitWriter(session, Statistics, Clock, _log, path);
            session = null;
        }
        catch (SqliteException exception)
        {
            throw new OrleansConfigurationException(SqliteErrors.Explain(exception, path), exception);
        }
        finally
        {
            session?.Dispose();
        }
    }

    /// <summary>Commits what waits, and closes.</summary>
    internal async Task CloseAsync()
    {
        if (_writer is null) return;
        await _writer.StopAsync();
        while (_readers.TryTake(out var reader)) reader.Dispose();
        _writer = null;
    }

    private SqliteConnection Connect(SqliteOpenMode mode)
    {
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder
        {
            DataSource = _options.Path,
            Mode = mode,
            Pooling = false,
            DefaultTimeout = 0, // The retry loop of Microsoft.Data.Sqlite sleeps 150 ms at a time; busy_timeout wakes sooner.
        }.ToString());
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = $"PRAGMA busy_timeout={(int)_options.BusyTimeout.TotalMilliseconds};";
        command.ExecuteNonQuery();
        if (mode == SqliteOpenMode.ReadOnly) return connection;
        command.CommandText = _options.IsDurable
            ? "PRAGMA synchronous=FULL; PRAGMA fullfsync=ON; PRAGMA checkpoint_fullfsync=ON; PRAGMA foreign_keys=ON;"
            : "PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;";
        command.ExecuteNonQuery();
        return connection;
    }
}
