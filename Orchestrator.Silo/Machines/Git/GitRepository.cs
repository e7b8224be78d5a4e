using Orchestrator.Interfaces.Machines;

namespace Orchestrator.Silo.Machines.Git;

/// <summary>What this service knows of a repository while it lives: its mirror, its lock, its last fetch, and for which tasks something is done here.</summary>
#pragma warning disable CA1001 // A semaphore whose wait handle nobody asks for has nothing to dispose, and waiters at the service's end must not find it disposed.
internal sealed class GitRepository(GitMirror mirror)
{
    private readonly SemaphoreSlim _lock = new(1, 1);
    private readonly Dictionary<string, TaskTurn> _turns = new(StringComparer.Ordinal);

    public GitMirror Mirror => mirror;

    /// <summary>The last fetch; null: none since the service started. Read and written under the lock.</summary>
    public FetchOutcome? LastFetch { get; set; }

    /// <summary>Whether the remote's HEAD points to no branch, so that it cannot be fetched. Read and written under the lock.</summary>
    public bool IsHeadMissing { get; set; }

    /// <summary>Waits until nobody else fetches, adds or removes here; other repositories have locks of their own.</summary>
    public async Task<IDisposable> EnterAsync(CancellationToken cancellationToken)
    {
        await _lock.WaitAsync(cancellationToken);
        return new Stay(_lock);
    }

    /// <summary>Waits until nobody else does anything for that task, then as <see cref="EnterAsync(CancellationToken)"/>.</summary>
    public async Task<TaskStay> EnterAsync(string taskId, CancellationToken cancellationToken)
    {
        var turn = Take(taskId);
        try
        {
            await turn.Gate.WaitAsync(cancellationToken);
            try
            {
                return new(this, taskId, turn, await EnterAsync(cancellationToken));
            }
            catch
            {
                turn.Gate.Release();
                throw;
            }
        }
        catch
        {
            Leave(taskId, turn);
            throw;
        }
    }

    /// <summary>The task whose files are being written onto that branch right now; null: there is none. Under the lock.</summary>
    public string? FindMaker(string branch)
    {
        lock (_turns) return _turns.FirstOrDefault(turn => turn.Value.Branch == branch).Key;
    }

    private TaskTurn Take(string taskId)
    {
        lock (_turns)
        {
            if (!_turns.TryGetValue(taskId, out var turn)) _turns.Add(taskId, turn = new());
            turn.Users++;
            return turn;
        }
    }

    private void Leave(string taskId, TaskTurn turn)
    {
        lock (_turns)
        {
            if (--turn.Users == 0) _turns.Remove(taskId);
        }
    }

    /// <summary>A stay for one task. Nobody else does anything for it meanwhile, also while it has stepped out.</summary>
    internal sealed class TaskStay : IDisposable
    {
        private readonly GitRepository _repository;
        private readonly string _taskId;
        private readonly TaskTurn _turn;
        private IDisposable _inside;
        private bool _isOut, _isOver;

        internal TaskStay(GitRepository repository, string taskId, TaskTurn turn, IDisposable inside) => (_repository, _taskId, _turn, _inside) = (repository, taskId, turn, inside);

        /// <summary>Lets others in, while nothing but the task's own two halves and its branch is touched. The branch counts as taken.</summary>
        public void StepOut(string branch)
        {
            lock (_repository._turns) _turn.Branch = branch;
            _isOut = true;
            _inside.Dispose();
        }

        /// <summary>Waits for the lock again, if it has stepped out. False when it did not come within that time: somebody fetches, perhaps.</summary>
        public async Task<bool> TryReturnAsync(TimeSpan patience)
        {
            if (!_isOut) return true;
            if (!await _repository._lock.WaitAsync(patience)) return false;
            (_inside, _isOut) = (new Stay(_repository._lock), false);
            return true;
        }

        public void Dispose()
        {
            if (_isOver) return;
            _isOver = true;
            lock (_repository._turns) _turn.Branch = null;
            _inside.Dispose();
            _turn.Gate.Release();
            _repository.Leave(_taskId, _turn);
        }
    }

    /// <summary>What is done for a task, one after the other.</summary>
    internal sealed class TaskTurn
    {
        public SemaphoreSlim Gate { get; } = new(1, 1);

        /// <summary>How many have or want it.</summary>
        public int Users { get; set; }

        /// <summary>The branch onto which its files are being written outside of the repository's lock; null: none.</summary>
        public string? Branch { get; set; }
    }

#pragma warning restore CA1001

    private sealed class Stay(SemaphoreSlim gate) : IDisposable
    {
        private SemaphoreSlim? _gate = gate;

        public void Dispose() => Interlocked.Exchange(ref _gate, null)?.Release();
    }
}

/// <summary>How a fetch went.</summary>
/// <param name="BeganAt">UTC.</param>
/// <param name="EndedTimestamp">By <see cref="TimeProvider.GetTimestamp"/>.</param>
/// <param name="Failure">Null when it went well.</param>
internal sealed record FetchOutcome(DateTimeOffset BeganAt, long EndedTimestamp, MachineFailure? Failure);
