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
    private static readonly string[] Ends = ["", "-wal"];

    private readonly SqliteOptions _options;
    private readonly ILogger _log;
    private readonly ConcurrentBag<SqliteSession> _readers = [];
    private string _path = "";
    private GroupCommitWriter? _writer;
    private SqliteReserve? _reserve;
    private CommitMark? _mark;
    private volatile Action<SqliteFault>[] _faultHandlers = [];
    private volatile bool _isClosed;

    /// <summary>Opens nothing yet.</summary>
    public SqliteDatabase(IOptions<SqliteOptions> options, ILogger<SqliteDatabase> log, TimeProvider clock)
    {
        ArgumentNullException.ThrowIfNull(options);
        (_options, _log, Clock) = (options.Value, log, clock);
    }

    /// <summary>The fault that ends all trust in the file: once it was found damaged. Null: it was not.</summary>
    public SqliteFault? Damage { get; private set; }

    /// <summary>What was lost of earlier commits, as far as it was noticed at the start; for people. Null: nothing.</summary>
    public string? Loss { get; private set; }

    /// <summary>Whether the room for the last writes is there (<see cref="SqliteOptions.ReserveBytes"/>). It is given up by a write on a full disk.</summary>
    public bool HasReserve => _reserve?.IsWhole ?? true;

    internal TimeProvider Clock { get; }

    internal GroupCommitStatistics Statistics { get; } = new();

    private GroupCommitWriter Writer => _writer ?? throw new InvalidOperationException($"Database '{_options.Path}' is not open yet.");

    /// <summary>Tells of each fault of the file that somebody meets, on the thread that meets it, before whoever wrote or read is answered.</summary>
    /// <param name="handler">Short, and never throws.</param>
    public void WhenFaulted(Action<SqliteFault> handler) => _faultHandlers = [.. _faultHandlers, handler];

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
            Tell(exception);
            throw new OrleansException(SqliteErrors.Explain(exception, _path), exception);
        }
        finally
        {
            if (isSound && !_isClosed && _readers.Count < ReadersKept) _readers.Add(session!);
            else session?.Dispose();
        }
    }

    /// <summary>Takes the room for the last writes back, and what the database has used of it meanwhile. To be called when the disk has room: it shares a commit with others.</summary>
    /// <returns>Whether there was room for it.</returns>
    public async Task<bool> TryTakeReserveAsync()
    {
        if (_reserve is not { } reserve || !reserve.TryTakeFile()) return _reserve is null;
        if (!Read(reserve.IsLackingInside)) return true;
        try
        {
            // A write that needed the file to succeed has given it up.
            return await WriteAsync(reserve.TryTakeInside) && reserve.IsWhole;
        }
        catch (OrleansException)
        {
            // The fault was told; what is written next says whether it is still there.
            return false;
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
        _reserve = new(_path, _options.ReserveBytes);
        if (FindMissing() is { } missing) throw Explain(new SqliteException(missing, SQLitePCL.raw.SQLITE_CORRUPT));
        if (CommitMark.FindLoss(_path) is { } loss) KeepDamaged(loss);
        try
        {
            OpenFile();
        }
        catch (SqliteException exception) when (SqliteFault.IsFull(exception) && _reserve.GiveUp())
        {
            OpenFileOrExplain();
        }
        catch (SqliteException exception)
        {
            throw Explain(exception);
        }
    }

    /// <summary>What SQLite would take for a new database, or for a whole one: after a close in good order none of the others is there.</summary>
    /// <returns>For people, what is missing; null: nothing, or it is a first start.</returns>
    private string? FindMissing()
    {
        if (File.Exists(_path + ".restoring-wal") && !File.Exists(_path + ".restoring"))
            return $"a restore ended before it had moved {_path}.restoring-wal, with the commits in it, to {_path}-wal";
        if (Length(_path) > 0) return null;
        return Length(_path + "-wal") > 0 || File.Exists(CommitMark.PathOf(_path)) || File.Exists(_path + ".restoring")
            ? "the file is gone or empty, and its log, its mark or a restore of it is not"
            : null;
    }

    private static long Length(string path) => new FileInfo(path) is { Exists: true } file ? file.Length : 0;

    private void OpenFileOrExplain()
    {
        try
        {
            OpenFile();
        }
        catch (SqliteException exception)
        {
            throw Explain(exception);
        }
    }

    private OrleansConfigurationException Explain(SqliteException exception) => new(SqliteErrors.Explain(exception, _path), exception);

    private void OpenFile()
    {
        SqliteSession? session = null;
        try
        {
            session = new(Connect(SqliteOpenMode.ReadWriteCreate));
            SqliteSchemaMigrator.Migrate(session, ApplicationId, [SiloSchema.Schema, .. _options.Schemas], _path);
            if (!_reserve!.TryTakeAlone(session)) LogNoReserve(_log, _path);
            _mark = CommitMark.TryBegin(_path);

            // What is lost was told, and is not to be told again by a start that comes before the next commit.
            if (Loss is not null) _mark?.Set();
            _writer = new GroupCommitWriter(session, Statistics, Clock, _log, _path, _reserve, _mark, Tell);
            session = null;
        }
        finally
        {
            session?.Dispose();
        }
    }

    /// <summary>What SQLite is about to drop is kept beside the database: somebody may read it.</summary>
    private void KeepDamaged(string loss)
    {
        var aside = $"{_path}.lost-{Clock.GetUtcNow():yyyyMMddHHmmss}";
        Loss = $"At the start {loss}.";
        try
        {
            if (FindKept() is { } kept) aside = kept;
            else KeepCopy(aside);
            Loss += $" The files as they were: {aside}, {aside}-wal.";
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            Loss += $" They could not be copied: {exception.Message}";
        }

        LogLoss(_log, _path, Loss);
    }

    /// <summary>All or nothing: half a copy helps nobody, and takes the room of a full disk.</summary>
    private void KeepCopy(string aside)
    {
        try
        {
            foreach (var end in Ends)
                if (File.Exists(_path + end)) File.Copy(_path + end, aside + end);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            foreach (var end in Ends) File.Delete(aside + end);
            throw;
        }
    }

    /// <summary>The copy of this very state that a start made which failed later: a service is started again and again. A copy has the size and the time of what was copied.</summary>
    private string? FindKept() =>
        Directory.GetFiles(System.IO.Path.GetDirectoryName(_path)!, System.IO.Path.GetFileName(_path) + ".lost-*").FirstOrDefault(
            file => !file.EndsWith("-wal", StringComparison.Ordinal) && Ends.All(end => IsCopy(new(_path + end), new(file + end))));

    private static bool IsCopy(FileInfo of, FileInfo file) =>
        of.Exists == file.Exists && (!of.Exists || (of.Length, of.LastWriteTimeUtc) == (file.Length, file.LastWriteTimeUtc));

    private void Tell(SqliteException exception)
    {
        var fault = SqliteFault.Of(exception, _path);
        if (fault.Kind == SqliteFaultKind.Corrupt) Damage ??= fault;
        foreach (var handler in _faultHandlers) handler(fault);
    }

    /// <summary>Commits what waits, and closes. The writer closes last, because only it can move the write-ahead log into the file.</summary>
    internal async Task CloseAsync()
    {
        if (_writer is null) return;
        _isClosed = true;
        while (_readers.TryTake(out var reader)) reader.Dispose();
        await _writer.StopAsync();
        _mark?.Dispose();

        // Whoever else has it open keeps its log alive, and with it the mark's meaning.
        if (!File.Exists(_path + "-wal")) CommitMark.Forget(_path);
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

    [LoggerMessage(43, LogLevel.Warning, "There is no room beside {Path} for what has to be written on a full disk.")]
    private static partial void LogNoReserve(ILogger logger, string path);

    [LoggerMessage(44, LogLevel.Critical, "Database {Path} has lost what was written last. {Loss}")]
    private static partial void LogLoss(ILogger logger, string path, string loss);
}
