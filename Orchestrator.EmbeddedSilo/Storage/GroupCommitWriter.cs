using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging;
using Orleans.Runtime;

namespace Orchestrator.EmbeddedSilo.Storage;

/// <summary>
/// The one writer of a database. Who comes while nobody commits, commits on its own thread; whoever comes meanwhile waits for the writer's thread,
/// which commits all that wait as one transaction: many writers share the one fsync that a commit costs (docs/adr/0002).
/// </summary>
internal sealed partial class GroupCommitWriter
{
    private const int BatchSizeMax = 1024;

    private readonly SqliteSession _session;
    private readonly GroupCommitStatistics _statistics;
    private readonly TimeProvider _clock;
    private readonly ILogger _log;
    private readonly string _path;
    private readonly SqliteReserve _reserve;
    private readonly CommitMark? _mark;
    private readonly Action<SqliteException> _tell;
    private readonly Thread _thread;
    private readonly Lock _gate = new();
    private readonly SemaphoreSlim _signal = new(0);
    private readonly TaskCompletionSource _stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Queue<Write> _waiting = new();
    private Queue<Write> _batch = new();
    private bool _isStopping;
    private bool _isCommitting;
    private bool _mayClose;

    /// <param name="session">Its connection, closed by it.</param>
    /// <param name="statistics">Counts.</param>
    /// <param name="clock">For them.</param>
    /// <param name="log">Told of failed commits.</param>
    /// <param name="path">The database.</param>
    /// <param name="reserve">Given up when the disk is full.</param>
    /// <param name="mark">Set after each commit; null: none.</param>
    /// <param name="tell">Told of faults of the file. Short, and never throws.</param>
    public GroupCommitWriter(
        SqliteSession session, GroupCommitStatistics statistics, TimeProvider clock, ILogger log, string path, SqliteReserve reserve, CommitMark? mark, Action<SqliteException> tell)
    {
        (_session, _statistics, _clock, _log, _path, _reserve, _mark, _tell) = (session, statistics, clock, log, path, reserve, mark, tell);
        _thread = new Thread(Run) { IsBackground = true, Name = "sqlite-writer" };
        _thread.UnsafeStart();
    }

    /// <param name="write">The statements.</param>
    /// <param name="isAtomic">Whether they are undone by themselves when they fail: true for a single statement.</param>
    /// <param name="onCommitted">Runs with the result once it is on disk, before the task ends. Short, and never throws.</param>
    public Task<T> EnqueueAsync<T>(Func<SqliteSession, T> write, bool isAtomic, Action<T>? onCommitted = null)
    {
        var item = new Write<T>(write, isAtomic, onCommitted, _clock.GetTimestamp());
        bool mustWake;
        lock (_gate)
        {
            if (_isStopping) return Task.FromException<T>(new SiloUnavailableException($"Database '{_path}' is closed."));
            _waiting.Enqueue(item);
            if (_isCommitting) return item.Task;
            _isCommitting = true;
            (_waiting, _batch) = (_batch, _waiting);
        }

        // Nobody else commits: this thread does it, which saves a lone writer two changes of threads. What comes meanwhile is the thread's.
        Commit();
        lock (_gate)
        {
            mustWake = _waiting.Count > 0 || _isStopping;
            _isCommitting = mustWake;
        }

        if (mustWake) _signal.Release();
        return item.Task;
    }

    public async Task StopAsync()
    {
        var mustWake = false;
        lock (_gate)
        {
            if (!_isStopping)
            {
                _isStopping = true;
                mustWake = !_isCommitting;
                _isCommitting = true;
            }
        }

        if (mustWake) _signal.Release();
        await _stopped.Task;
    }

    /// <summary>Commits for all who came while somebody else did, until nobody waits.</summary>
    private void Run()
    {
        while (true)
        {
            _signal.Wait();
            while (TryTakeBatch()) Commit();
            if (_mayClose) break;
        }

        try
        {
            _session.Dispose();
            _stopped.SetResult();
        }
        catch (Exception exception)
        {
            // Whoever closes the database hears of it; all writes were answered before.
            _stopped.SetException(exception);
        }
    }

    /// <summary>Takes what waits. When nothing does, the next to come commits by itself, or nobody comes any more and the session may be closed.</summary>
    private bool TryTakeBatch()
    {
        lock (_gate)
        {
            if (_waiting.Count <= BatchSizeMax)
            {
                (_waiting, _batch) = (_batch, _waiting);
            }
            else
            {
                for (var i = 0; i < BatchSizeMax; i++) _batch.Enqueue(_waiting.Dequeue());
            }

            _mayClose = _batch.Count == 0 && _isStopping;
            _isCommitting = _batch.Count > 0 || _mayClose;
            return _batch.Count > 0;
        }
    }

    private void Commit()
    {
        var failure = TryCommit(_batch);
        var fault = FaultOf(failure);
        if (fault is not null && SqliteFault.IsFull(fault) && _reserve.GiveUp())
        {
            LogReserveUsed(_log, _path);
            if (failure is null) CommitThoseWithoutRoom();
            else failure = CommitAgain(_batch);
        }

        // Those who hear of it close doors; so before anybody is answered.
        if (fault is not null) _tell(fault);
        failure = Explained(failure);
        if (_batch.Count == 1)
        {
            Answer(_batch.Dequeue(), failure);
            return;
        }

        // Telling many takes as long as storing them: others do it, while this thread goes on with the next batch.
        ThreadPool.UnsafeQueueUserWorkItem(
            static all =>
            {
                foreach (var write in all.Batch) all.Writer.Answer(write, all.Failure);
            },
            (Writer: this, Batch: _batch, Failure: failure),
            preferLocal: false);
        _batch = new(_batch.Count);
    }

    /// <summary>The others of the batch are stored: what is executed once more would be stored twice.</summary>
    private void CommitThoseWithoutRoom()
    {
        var writes = new Queue<Write>(_batch.Where(write => write.Failure is SqliteException error && SqliteFault.IsFull(error)));
        if (Explained(CommitAgain(writes)) is not { } failure) return;
        foreach (var write in writes) write.Fail(failure);
    }

    private Exception? CommitAgain(Queue<Write> writes)
    {
        foreach (var write in writes) write.Forget();
        return TryCommit(writes);
    }

    private Exception? Explained(Exception? failure) => failure is SqliteException error ? new OrleansException(SqliteErrors.Explain(error, _path), error) : failure;

    /// <returns>Why nothing is stored; null: it is, but for writes that failed by themselves.</returns>
    private Exception? TryCommit(Queue<Write> batch)
    {
        try
        {
            // A statement alone is a transaction of its own.
            if (batch.Count == 1 && batch.Peek().IsAtomic) batch.Peek().Execute(_session);
            else CommitTogether(batch);
            _statistics.RecordCommit();
            _mark?.Set();
            return null;
        }
        catch (Exception exception)
        {
            // Nobody may be left without an answer, whatever failed; what was not committed is not stored.
            LogCommitFailed(_log, exception, batch.Count, _path);
            RollBack();
            return exception;
        }
    }

    /// <summary>What the file did, and no statement; null when it did nothing.</summary>
    private SqliteException? FaultOf(Exception? failure)
    {
        if (failure is SqliteException error && SqliteErrors.IsOfTheFile(error)) return error;
        foreach (var write in _batch)
            if (write.Failure is SqliteException own && SqliteErrors.IsOfTheFile(own)) return own;
        return null;
    }

    private void Answer(Write write, Exception? failure)
    {
        _statistics.RecordWrite(_clock.GetTimestamp() - write.EnqueuedAt, failure is not null || write.Failure is not null);
        write.Answer(failure, _path);
    }

    private void CommitTogether(Queue<Write> batch)
    {
        _session.Execute("BEGIN IMMEDIATE");
        foreach (var write in batch)
        {
            write.Execute(_session);

            // Errors such as a full disk end the transaction by themselves: then nothing of it is stored.
            if (_session.IsAutocommit)
                throw write.Failure as SqliteException ?? new SqliteException("The transaction was rolled back.", SQLitePCL.raw.SQLITE_ABORT);
        }

        _session.Execute("COMMIT");
    }

    private void RollBack()
    {
        try
        {
            if (!_session.IsAutocommit) _session.Execute("ROLLBACK");
        }
        catch (Exception exception)
        {
            // The next BEGIN tells whether the connection can still be used; its error goes to whoever writes then.
            LogRollbackFailed(_log, exception, _path);
        }
    }

    [LoggerMessage(40, LogLevel.Error, "A commit of {Writes} writes to {Path} failed; none of them is stored.")]
    private static partial void LogCommitFailed(ILogger logger, Exception exception, int writes, string path);

    [LoggerMessage(41, LogLevel.Error, "A failed transaction of {Path} could not be rolled back.")]
    private static partial void LogRollbackFailed(ILogger logger, Exception exception, string path);

    [LoggerMessage(42, LogLevel.Error, "The disk of {Path} is full; what is written now goes into the room that was kept for it.")]
    private static partial void LogReserveUsed(ILogger logger, string path);

    private abstract class Write(bool isAtomic, long enqueuedAt)
    {
        public long EnqueuedAt => enqueuedAt;

        public bool IsAtomic => isAtomic;

        public Exception? Failure { get; protected set; }

        /// <summary>Before it is executed once more.</summary>
        public void Forget() => Failure = null;

        /// <summary>It is not stored, for a reason that is not its own.</summary>
        public void Fail(Exception exception) => Failure = exception;

        public abstract void Execute(SqliteSession session);

        /// <summary>Tells the one who waits; called after the commit.</summary>
        public abstract void Answer(Exception? commitFailure, string path);
    }

    private sealed class Write<T>(Func<SqliteSession, T> work, bool isAtomic, Action<T>? onCommitted, long enqueuedAt) : Write(isAtomic, enqueuedAt)
    {
        private readonly TaskCompletionSource<T> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private T _result = default!;

        public Task<T> Task => _done.Task;

        public override void Execute(SqliteSession session)
        {
            if (!IsAtomic) session.Execute("SAVEPOINT one_write");
            try
            {
                _result = work(session);
                if (!IsAtomic) session.Execute("RELEASE one_write");
            }
            catch (Exception exception)
            {
                // It concerns this write only, unless SQLite has ended the transaction, which Commit looks for.
                Failure = exception;
                if (!IsAtomic && !session.IsAutocommit) session.ExecuteScript("ROLLBACK TO one_write; RELEASE one_write");
            }
        }

        public override void Answer(Exception? commitFailure, string path)
        {
            // An error of the statement itself, such as a broken constraint, is the writer's own and comes as it is.
            if (commitFailure is null && Failure is SqliteException error && SqliteErrors.IsOfTheFile(error))
                commitFailure = new OrleansException(SqliteErrors.Explain(error, path), error);
            if ((commitFailure ?? Failure) is { } failure)
            {
                _done.SetException(failure);
                return;
            }

            onCommitted?.Invoke(_result);
            _done.SetResult(_result);
        }
    }
}
