using Orchestrator.Interfaces.Machines;

namespace Orchestrator.Silo.Machines.Git;

/// <summary>What this service knows of a repository while it lives: its mirror, its lock, its last fetch.</summary>
#pragma warning disable CA1001 // A semaphore whose wait handle nobody asks for has nothing to dispose, and waiters at the service's end must not find it disposed.
internal sealed class GitRepository(GitMirror mirror)
{
    private readonly SemaphoreSlim _lock = new(1, 1);

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
