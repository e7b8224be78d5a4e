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
    private string _path = "";
    private GroupCommitWriter? _writer;
    private volatile bool _isClosed;

    /// <summary>Opens nothing yet.</summary>
    public SqliteDatabase(IOptions<SqliteOptions> options, ILogger<SqliteDatabase> log, TimeProvider clock)
    {
        ArgumentNullException.ThrowIfNull(options);
        (_options, _log, Clock) = (options.Value, log, clock);
    }

    internal TimeProvider Clock { get; }

    internal GroupCommitStatistics Statistics { get; } = new();

    private GroupCommitWriter Writer => _writer ?? throw new InvalidOperationException($"Database '{_options.Path}' is not open yet.");

    /// <summary>Runs statements in the next group commit. When the task ends well, they are on disk; when it fails, none of them is.</summary>
    /// <param name="write">Runs on the caller's or the writer's thread inside a transaction; an exception undoes what it did and nothing else.</param>
    public Task<T> WriteAsync<T>(Func<SqliteSession, T> write)
    {
        ArgumentNullException.ThrowIfNull(write);
        return Writer.EnqueueAsync(write, isAtomic: false);
    }

    /// <summary>Runs a query beside the writer; it sees what was committed before.</summary>
    /// <exception cref="SiloUnavailableException">The database was closed.</exception>
    /// <exception cref="OrleansException">The file cannot be read; the message says why and what to do.</exception>
    public T Read<T>(Func<SqliteSession, T> read)
    {
        ArgumentNullException.ThrowIfNull(read);
        _ = Writer;
        if (_isClosed) throw new SiloUnavailableException($"Database '{_path}' is closed.");
        SqliteSession? session = null;
        var isSound = false;
        try
        {
            if (!_readers.TryTake(out session)) session = new(Connect(SqliteOpenMode.ReadOnly));
            var result = read(session);
            isSound = true;
            return result;
        }
        catch (SqliteException exception) when (SqliteErrors.IsOfTheFile(exception))
        {
            throw new OrleansException(SqliteErrors.Explain(exception, _path), exception);
        }
        finally
        {
            if (isSound && !_isClosed && _readers.Count < ReadersKept) _readers.Add(session!);
            else session?.Dispose();
        }
    }

    /// <summary>For a single statement, which is undone as a whole when it fails.</summary>
    internal Task<T> WriteStatementAsync<T>(Func<SqliteSession, T> write, Action<T>? onCommitted = null) =>
        Writer.EnqueueAsync(write, isAtomic: true, onCommitted);

    /// <summary>Opens, checks and migrates the database.</summary>
    /// <exception cref="OrleansConfigurationException">It cannot be used; the message says why and what to do. Nothing was changed.</exception>
    internal void Open()
    {
        if (string.IsNullOrWhiteSpace(_options.Path)) throw new OrleansConfigurationException("SqliteOptions.Path is empty: name the database file.");
        if (_options.BusyTimeout < TimeSpan.Zero || _options.BusyTimeout > TimeSpan.FromHours(1))
            throw new OrleansConfigurationException($"SqliteOptions.BusyTimeout is {_options.BusyTimeout}; it must be from 0 to 1 hour.");
        _path = System.IO.Path.GetFullPath(_options.Path);
        if (Directory.Exists(_path))
            throw new OrleansConfigurationException($"Database '{_path}' is a folder. Name a file in it as SqliteOptions.Path.");
        if (!Directory.Exists(System.IO.Path.GetDirectoryName(_path)))
            throw new OrleansConfigurationException($"The folder of database '{_path}' does not exist. Make it, or change SqliteOptions.Path.");
        SqliteSession? session = null;
        try
        {
            session = new(Connect(SqliteOpenMode.ReadWriteCreate));
            SqliteSchemaMigrator.Migrate(session, ApplicationId, [SiloSchema.Schema, .. _options.Schemas], _path);
            _writer = new GroupCommitWriter(session, Statistics, Clock, _log, _path);
            session = null;
        }
        catch (SqliteException exception)
        {
            throw new OrleansConfigurationException(SqliteErrors.Explain(exception, _path), exception);
        }
        finally
        {
            session?.Dispose();
        }
    }

    /// <summary>Commits what waits, and closes. The writer closes last, because only it can move the write-ahead log into the file.</summary>
    internal async Task CloseAsync()
    {
        if (_writer is null) return;
        _isClosed = true;
        while (_readers.TryTake(out var reader)) reader.Dispose();
        await _writer.StopAsync();
    }

    private SqliteConnection Connect(SqliteOpenMode mode)
    {
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder
        {
            DataSource = _path,
            Mode = mode,
            Pooling = false,

            // Microsoft.Data.Sqlite asks again and again, 150 ms apart, until this many seconds are over (0: for ever). busy_timeout wakes sooner, so
            // this is as short as it can be.
            DefaultTimeout = 1,
        }.ToString());
        try
        {
            Configure(connection, mode);
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    private void Configure(SqliteConnection connection, SqliteOpenMode mode)
    {
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = $"PRAGMA busy_timeout={(int)_options.BusyTimeout.TotalMilliseconds};";
        command.ExecuteNonQuery();
        if (mode == SqliteOpenMode.ReadOnly) return;
        command.CommandText = _options.IsDurable
            ? "PRAGMA synchronous=FULL; PRAGMA fullfsync=ON; PRAGMA checkpoint_fullfsync=ON; PRAGMA foreign_keys=ON;"
            : "PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;";
        command.ExecuteNonQuery();
    }
}
