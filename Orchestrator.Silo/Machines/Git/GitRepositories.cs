using System.Collections.Concurrent;
using Microsoft.Extensions.Options;
using Orchestrator.Interfaces.Machines;
using Orchestrator.Silo.Configuration;
using Orchestrator.Silo.Machines.Cleanup;
using Orchestrator.Silo.Processes;

namespace Orchestrator.Silo.Machines.Git;

/// <summary>
/// The mirrors: makes them, keeps them fresh. Names that cannot be an owner's (they begin with '~') hold what is not finished and what is not ours. All methods but <see cref="Find"/> are
/// called under the repository's lock.
/// </summary>
internal sealed partial class GitRepositories(
    GitProgram git, GitLockFiles lockFiles, OrphanedGits orphans, MirrorSettings settings, OrchestratorHome home, Quarantine quarantine, IOptions<MachineOptions> options, TimeProvider clock, ILogger<GitRepositories> logger)
{
    /// <summary>The remote's HEAD as a commit: tells whether the default branch that we know may still be it.</summary>
    public const string RemoteHeadRef = "refs/orchestrator/remote-head";

    // Owners and names differ by more than case on GitHub, and so do folders on macOS.
    private readonly ConcurrentDictionary<string, GitRepository> _repositories = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>A repository, whether its mirror is there or not.</summary>
    /// <param name="name"><c>owner/name</c>, checked.</param>
    public GitRepository Find(string name) => _repositories.GetOrAdd(name, name => new(new(
        name, Path.Combine(home.RepositoriesPath, name + ".git"), options.Value.GitUrlTemplate.Replace("{repository}", name, StringComparison.Ordinal))));

    /// <summary>Whether there is a mirror. It is made beside and moved into place, so that one that is there is whole; one that was damaged since is put aside.</summary>
    public bool IsThere(GitMirror mirror)
    {
        if (!Directory.Exists(mirror.Path)) return false;
        if (File.Exists(mirror.At("HEAD")) && Directory.Exists(mirror.At("objects")) && Directory.Exists(mirror.At("refs"))) return true;
        var aside = quarantine.Put(new(QuarantineKind.Mirror, mirror.Repository, "The mirror was not whole."), mirror.Path);
        LogQuarantined(mirror.Repository, aside);
        return false;
    }

    /// <summary>
    /// Makes the mirror when there is none, and fetches, unless a fetch that began after <paramref name="acceptedAt"/> has been made, or one that failed ended while the caller waited for it.
    /// </summary>
    /// <param name="repository">The repository, locked by the caller.</param>
    /// <param name="acceptedAt">Commits that were there by then must be here. UTC.</param>
    /// <param name="askedTimestamp">When the caller began to wait for the lock.</param>
    /// <param name="cancellationToken">Ends the fetch.</param>
    /// <returns>Null when all is fresh; else why the mirror is as it was before.</returns>
    /// <exception cref="GitRefusedException">There is no mirror, and it could not be made.</exception>
    public async Task<MachineFailure?> FreshenAsync(GitRepository repository, DateTimeOffset acceptedAt, long askedTimestamp, CancellationToken cancellationToken)
    {
        var isThere = IsThere(repository.Mirror);
        if (repository.LastFetch is { } last && Serves(last, isThere, acceptedAt, askedTimestamp))
            return isThere || last.Failure is null ? last.Failure : throw new GitRefusedException(last.Failure);
        var beganAt = clock.GetUtcNow();
        MachineFailure? failure = null;
        try
        {
            if (isThere) await FetchAsync(repository, repository.Mirror, cancellationToken);
            else await CreateAsync(repository, cancellationToken);
        }
        catch (Exception exception) when (GitFailures.IsExpected(exception))
        {
            failure = GitFailures.Describe(exception, repository.Mirror);
            LogFetchFailed(repository.Mirror.Repository, failure.Message);
        }

        repository.LastFetch = new(beganAt, clock.GetTimestamp(), failure);
        return failure is null || isThere ? failure : throw new GitRefusedException(failure);
    }

    private bool Serves(FetchOutcome last, bool isThere, DateTimeOffset acceptedAt, long askedTimestamp)
    {
        // One from the future is one from before the clock was set back.
        if (last.BeganAt <= acceptedAt || last.BeganAt > clock.GetUtcNow()) return false;
        return last.Failure is null ? isThere : last.EndedTimestamp >= askedTimestamp;
    }

    private async Task CreateAsync(GitRepository repository, CancellationToken cancellationToken)
    {
        var mirror = repository.Mirror;
        var making = mirror with { Path = Path.Combine(home.RepositoriesPath, "~making", mirror.Repository.Replace('/', '+') + ".git") };
        if (Directory.Exists(making.Path)) await orphans.EndAsync([making.Path], cancellationToken);
        FolderRemoval.Remove(making.Path);
        Directory.CreateDirectory(making.Path);
        try
        {
            await git.RunAsync(new(making.Path, "init", "--quiet", "--bare", "--template="), cancellationToken);
            await settings.WriteAsync(making, cancellationToken);
            await FetchAsync(repository, making, cancellationToken);
            Directory.CreateDirectory(Path.GetDirectoryName(mirror.Path)!);
            Directory.Move(making.Path, mirror.Path);
        }
        catch
        {
            FolderRemoval.Remove(making.Path);
            throw;
        }
    }

    private async Task FetchAsync(GitRepository repository, GitMirror mirror, CancellationToken cancellationToken)
    {
        if (!repository.IsHeadMissing)
        {
            try
            {
                await RunFetchAsync(mirror, ["+refs/heads/*:refs/remotes/origin/*", "+HEAD:" + RemoteHeadRef], cancellationToken);
                return;
            }
            catch (ToolFailedException exception) when (exception.ErrorTail.Contains("couldn't find remote ref HEAD", StringComparison.Ordinal))
            {
                // A remote whose HEAD names a branch that is not there, or one without any branch.
                repository.IsHeadMissing = true;
            }
        }

        await RunFetchAsync(mirror, ["+refs/heads/*:refs/remotes/origin/*"], cancellationToken);
    }

    private async Task RunFetchAsync(GitMirror mirror, string[] refspecs, CancellationToken cancellationToken) => await lockFiles.RunAsync(
        mirror,
        new(mirror.Path, ["fetch", "--quiet", "--prune", "--no-write-fetch-head", "--no-recurse-submodules", "--", GitMirror.Remote, .. refspecs]) { IsFetch = true },
        cancellationToken);

    [LoggerMessage(LogLevel.Warning, "The mirror of {Repository} was not whole. It is now in {Path}, and is made again.")]
    private partial void LogQuarantined(string repository, string path);

    [LoggerMessage(LogLevel.Warning, "Fetching {Repository} failed: {Reason}")]
    private partial void LogFetchFailed(string repository, string reason);
}
