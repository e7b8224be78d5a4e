using Orchestrator.Grains.Machines;
using Orchestrator.Interfaces.Machines;
using Orchestrator.Silo.Machines.Cleanup;

namespace Orchestrator.Silo.Machines.Git;

/// <summary>Worktrees by git: checks names, takes the repository's lock, and turns what repositories, disks and networks do wrong into failures for people.</summary>
internal sealed partial class GitWorktrees(
    GitLockFiles lockFiles, GitRepositories repositories, WorktreePreparation preparation, WorkCollection collection, BranchRelease branches, Salvage salvage, MirrorSettings settings,
    Quarantine quarantine, LiveSessions sessions, TimeProvider clock,
    ILogger<GitWorktrees> logger) : IWorktrees
{
    /// <inheritdoc/>
    public async Task<WorktreeReport> PrepareAsync(WorktreeRequest request, CancellationToken cancellationToken)
    {
        GitNames.Check(request);
        var repository = repositories.Find(request.Repository);
        var asked = clock.GetTimestamp();
        try
        {
            using var stay = await repository.EnterAsync(request.Session.TaskId, cancellationToken);
            return await preparation.PrepareAsync(repository, stay, request, asked, cancellationToken);
        }
        catch (BranchTakenException taken)
        {
            return new(request.Session, null, null, BlockedBy: taken.TaskId);
        }
        catch (Exception exception) when (GitFailures.IsExpected(exception))
        {
            var failure = GitFailures.Describe(exception, repository.Mirror);
            LogFailed("prepared", request.Session, failure.Message);
            return new(request.Session, null, failure);
        }
    }

    /// <inheritdoc/>
    public async Task<WorkReport> CollectAsync(SessionName session, Worktree worktree, CancellationToken cancellationToken)
    {
        GitNames.Check(session, worktree);
        var repository = repositories.Find(worktree.Repository);
        try
        {
            return await collection.CollectAsync(Place(repository, session, worktree), session, worktree, cancellationToken);
        }
        catch (Exception exception) when (GitFailures.IsExpected(exception))
        {
            var failure = GitFailures.Describe(exception, repository.Mirror);
            LogFailed("collected", session, failure.Message);
            return new(session, 0, [], null, false, failure);
        }
    }

    /// <inheritdoc/>
    public async Task UnlockAsync(SessionName session, Worktree worktree, CancellationToken cancellationToken)
    {
        GitNames.Check(session, worktree);
        var repository = repositories.Find(worktree.Repository);
        try
        {
            using var stay = await repository.EnterAsync(session.TaskId, cancellationToken);
            lockFiles.RemoveLeft(repository.Mirror, session.TaskId, worktree.Branch);
        }
        catch (Exception exception) when (GitFailures.IsExpected(exception))
        {
            LogFailed("freed of lock files", session, GitFailures.Describe(exception, repository.Mirror).Message);
        }
    }

    /// <inheritdoc/>
    public async Task<MachineFailure?> KeepAsync(SessionName session, Worktree worktree, CancellationToken cancellationToken)
    {
        GitNames.Check(session, worktree);
        var repository = repositories.Find(worktree.Repository);
        try
        {
            using var stay = await repository.EnterAsync(session.TaskId, cancellationToken);
            var place = Place(repository, session, worktree);
            if (repositories.IsThere(place.Mirror)) await branches.LetGoAsync(place, cancellationToken);
            return null;
        }
        catch (Exception exception) when (GitFailures.IsExpected(exception))
        {
            return GitFailures.Describe(exception, repository.Mirror);
        }
    }

    /// <inheritdoc/>
    public async Task<MachineFailure?> RemoveAsync(SessionName session, Worktree worktree, CancellationToken cancellationToken)
    {
        GitNames.Check(session, worktree);
        var repository = repositories.Find(worktree.Repository);
        try
        {
            using var stay = await repository.EnterAsync(session.TaskId, cancellationToken);
            await RemoveAsync(Place(repository, session, worktree), session, worktree, cancellationToken);
            return null;
        }
        catch (Exception exception) when (GitFailures.IsExpected(exception))
        {
            var failure = GitFailures.Describe(exception, repository.Mirror);
            LogFailed("removed", session, failure.Message);
            return failure with { Message = $"The worktree {worktree.Path} was left as it is. {failure.Message}" };
        }
    }

    /// <inheritdoc/>
    public async Task<WorktreeReport> FindAsync(SessionName session, string repository, CancellationToken cancellationToken)
    {
        GitNames.Check(session, repository);
        var found = repositories.Find(repository);
        try
        {
            using var stay = await found.EnterAsync(session.TaskId, cancellationToken);
            if (sessions.FindAlive(session.TaskId) is { } alive)
                throw new GitRefusedException($"Something still works there: {alive}.", "Wait until it has ended, or end it.", MachineFailureKind.Passing);
            return await preparation.FindAsync(found, session, cancellationToken);
        }
        catch (Exception exception) when (GitFailures.IsExpected(exception))
        {
            var failure = GitFailures.Describe(exception, found.Mirror);
            LogFailed("looked for", session, failure.Message);
            return new(session, null, failure);
        }
    }

    private async Task RemoveAsync(WorktreePlace place, SessionName session, Worktree worktree, CancellationToken cancellationToken)
    {
        if (!repositories.IsThere(place.Mirror))
        {
            if (!place.HasFolder) return;
            throw new GitRefusedException($"The mirror of {worktree.Repository} is gone, so that what is in {place.Path} cannot be saved.", "Save what is needed from the folder, then remove it by hand.", MachineFailureKind.Machine);
        }

        if (sessions.FindAlive(place.TaskId) is { } alive)
            throw new GitRefusedException($"Something still works there: {alive}.", "Wait until it has ended, or end it.", MachineFailureKind.Passing);
        if (FolderRemoval.FindMount(place.Path) is { } mount)
            throw new GitRefusedException($"'{mount}' is mounted there: what is in it is somebody else's.", $"umount '{mount}'", MachineFailureKind.Machine);
        await settings.RestoreAsync(place.Mirror, cancellationToken);
        settings.RestoreWorktree(place.Mirror, place.TaskId);
        var record = WorktreeRecord.Read(place.Mirror, place.TaskId);
        if (record is not { State: WorktreeState.Removing })
        {
            var saved = new SavedFiles(null, false);
            if (place.HasFolder)
            {
                var parent = place.Head ?? place.Tip(worktree.Branch) ?? worktree.BaseSha;
                saved = await salvage.SaveFilesAsync(place, session, parent, isHalfMade: record is { State: WorktreeState.Making }, cancellationToken);
                if (saved.Ref is not null) LogSaved(session, saved.Ref);
            }

            // After the files, which are saved as a commit on these.
            var unpushed = await salvage.SaveUnpushedAsync(place, session, worktree.Branch, cancellationToken);
            if (place.HasFolder)
            {
                if (saved.HasRepository) LogAside(session, place.PutAside(quarantine, "A repository was inside of it, which is saved nowhere else.", saved.Ref, unpushed));
                // From here on files are missing that no agent removed: a call that goes on after a crash must not save that.
                new WorktreeRecord(WorktreeState.Removing, worktree.Branch, worktree.BaseBranch, worktree.BaseSha).Write(place.Mirror, place.TaskId);
            }
        }

        place.Remove();
        WorktreeRecord.Remove(place.Mirror, place.TaskId);
    }

    /// <summary>The place follows from the task alone. A path that says otherwise is from another home, and nothing of ours to touch.</summary>
    private WorktreePlace Place(GitRepository repository, SessionName session, Worktree worktree)
    {
        var place = preparation.Place(repository, session.TaskId);
        return Path.GetFullPath(worktree.Path) == place.Path ? place : throw new GitRefusedException(
            $"The worktree {worktree.Path} is not where those of this service are ({place.Path}).", "Start the service with the ORCHESTRATOR_HOME that it had, or remove the folder by hand.", MachineFailureKind.Machine);
    }

    [LoggerMessage(LogLevel.Warning, "The worktree of {Session} could not be {What}: {Reason}")]
    private partial void LogFailed(string what, SessionName session, string reason);

    [LoggerMessage(LogLevel.Warning, "The worktree of {Session} has a repository inside, and is now {Path}.")]
    private partial void LogAside(SessionName session, string path);

    [LoggerMessage(LogLevel.Information, "What {Session} had not committed was saved to {Ref}.")]
    private partial void LogSaved(SessionName session, string @ref);
}
