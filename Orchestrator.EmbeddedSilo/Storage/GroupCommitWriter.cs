using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging;
using Orleans.Runtime;

namespace Orchestrator.EmbeddedSilo.Storage;

/// <summary>
/// The one writer of a database, on a thread of its own. Whatever waits when a commit ends goes into the next one: many writers share the one
/// fsync that a commit costs, and a single writer waits for nobody.
/// </summary>
internal sealed partial class GroupCommitWriter
{
    private const int BatchSizeMax = 1024;

    private readonly SqliteSession _session;
    private readonly GroupCommitStatistics _statistics;
    private readonly TimeProvider _clock;
    private readonly ILogger _log;
    private readonly string _path;
    private readonly Thread _thread;
    private readonly Lock _gate = new();
    private readonly SemaphoreSlim _signal = new(0);
    private readonly TaskCompletionSource _stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Queue<Write> _waiting = new();
    private Queue<Write> _batch = new();
    private bool _isStopping;
    private bool _isIdle = true;

    public GroupCommitWriter(SqliteSession session, GroupCommitStatistics statistics, TimeProvider clock, ILogger log, string path)
    {
        (_session, _statistics, _clock, _log, _path) = (session, statistics, clock, log, path);
        _thread = new Thread(Run) { IsBackground = true, Name = "sqlite-writer" };
        _thread.UnsafeStart();
    }

    /// <param name="write">The statements.</param>
    /// <param name="isAtomic">Whether they are undone by themselves when they fail: true for a single statement.</param>
    public Task<T> EnqueueAsync<T>(Func<SqliteSession, T> write, bool isAtomic)
    {
        var item = new Write<T>(write, isAtomic, _clock.GetTimestamp());
        bool mustWake;
        lock (_gate)
        {
            if (_isStopping) return Task.FromException<T>(new SiloUnavailableException($"Database '{_path}' is closed."));
            _waiting.Enqueue(item);
            mustWake = _isIdle;
            _isIdle = false;
        }

        if (mustWake) _signal.Release();
        return item.Task;
    }

    public async Task StopAsync()
    {
        lock (_gate)
        {
            if (!_isStopping)
            {
                _isStopping = true;
                if (_isIdle) _signal.Release();
                _isIdle = false;
            }
        }

        await _stopped.Task;
    }

    private void Run()
    {
        while (true)
        {
            _signal.Wait();
            while (TryTakeBatch()) Commit();
            lock (_gate)
            {
                if (_isStopping && _waiting.Count == 0) break;
            }
        }

        _session.Dispose();
        _stopped.SetResult();
    }

    /// <summary>Takes what waits; false when nothing does, and then the next one to come has to wake this thread.</summary>
    private bool TryTakeBatch()
    {
        lock (_gate)
        {
            if (_waiting.Count == 0)
            {
                _isIdle = !_isStopping;
                return false;
            }

            if (_waiting.Count <= BatchSizeMax)
            {
                (_waiting, _batch) = (_batch, _waiting);
            }
            else
            {
                for (var i = 0; i < BatchSizeMax; i++) _batch.Enqueue(_waiting.Dequeue());
            }

            return true;
        }
    }

    private void Commit()
    {
        Exception? failure = null;
        try
        {
            _session.Execute("BEGIN IMMEDIATE");
            foreach (var write in _batch)
            {
                write.Execute(_session);

                // Errors such as a full disk end the transaction by themselves: then nothing of it is stored.
                if (SQLitePCL.raw.sqlite3_get_autocommit(_session.Connection.Handle) != 0)
                    throw write.Failure as SqliteException ?? new SqliteException("The transaction was rolled back.", SQLitePCL.raw.SQLITE_ABORT);
            }

            _session.Execute("COMMIT");
            _statistics.RecordCommit();
        }
        catch (SqliteException exception)
        {
            failure = new OrleansException(SqliteErrors.Explain(exception, _path), exception);
            LogCommitFailed(_log, exception, _batch.Count, _path);
            RollBack();
        }

        var now = _clock.GetTimestamp();
        while (_batch.TryDequeue(out var write))
        {
            _statistics.RecordWrite(now - write.EnqueuedAt, failure is not null || write.Failure is not null);
            write.Answer(failure);
        }
    }

    private void RollBack()
    {
        try
        {
            if (SQLitePCL.raw.sqlite3_get_autocommit(_session.Connection.Handle) == 0) _session.Execute("ROLLBACK");
        }
        catch (SqliteException exception)
        {
            // The next BEGIN tells whether the connection can still be used; its error goes to whoever writes then.
            LogRollbackFailed(_log, exception, _path);
        }
    }

    [LoggerMessage(40, LogLevel.Error, "A commit of {Writes} writes to {Path} failed; none of them is stored.")]
    private static partial void LogCommitFailed(ILogger logger, Exception exception, int writes, string path);

    [LoggerMessage(41, LogLevel.Error, "A failed transaction of {Path} could not be rolled back.")]
    private static partial void LogRollbackFailed(ILogger logger, Exception exception, string path);

    private abstract class Write(long enqueuedAt)
    {
        public long EnqueuedAt => enqueuedAt;

        public Exception? Failure { get; protected set; }

        public abstract void Execute(SqliteSession session);

        /// <summary>Tells the one who waits; called after the commit.</summary>
        public abstract void Answer(Exception? commitFailure);
    }

    private sealed class Write<T>(Func<SqliteSession, T> work, bool isAtomic, long enqueuedAt) : Write(enqueuedAt)
    {
        private readonly TaskCompletionSource<T> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private T _result = default!;

        public Task<T> Task => _done.Task;

        public override void Execute(SqliteSession session)
        {
            if (!isAtomic) session.Execute("SAVEPOINT one_write");
            try
            {
                _result = work(session);
                if (!isAtomic) session.Execute("RELEASE one_write");
            }
            catch (Exception exception)
            {
                // It concerns this write only, unless SQLite has ended the transaction, which Commit looks for.
                Failure = exception;
                if (!isAtomic && SQLitePCL.raw.sqlite3_get_autocommit(session.Connection.Handle) == 0)
                    session.Execute("ROLLBACK TO one_write; RELEASE one_write");
            }
        }

        public override void Answer(Exception? commitFailure)
        {
            if ((commitFailure ?? Failure) is { } failure) _done.SetException(failure);
            else _done.SetResult(_result);
        }
    }
}
