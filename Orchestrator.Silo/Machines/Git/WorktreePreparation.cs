using System.Text;
using Orchestrator.Interfaces.Machines;
using Orchestrator.Processes;
using Orchestrator.Silo.Configuration;
using Orchestrator.Silo.Machines.Cleanup;

namespace Orchestrator.Silo.Machines.Git;

/// <summary>
/// Makes the worktree of a task: the intent is written, git makes it, that it is made is written. What a former call left behind, at whatever point it was killed, is found by the intent, saved and made
/// again. Runs under the repository's lock, as parallel adds fail on each other's lock files, and are slower; the files are written outside of it, many worktrees' at once.
/// </summary>
#pragma warning disable CA1001 // As in GitRepository: nobody asks for the semaphore's wait handle.
internal sealed class WorktreePreparation(
    GitProgram git, GitLockFiles lockFiles, OrphanedGits orphans, GitRepositories repositories, MirrorSettings settings, WorktreeStart starts, Salvage salvage, Quarantine quarantine,
    OrchestratorHome home)
{
#pragma warning restore CA1001
    private static readonly TimeSpan WriterPatience = TimeSpan.FromSeconds(30), UndoPatience = TimeSpan.FromSeconds(2);

    // Many large checkouts at once are no faster, and each has its deadline.
    private readonly SemaphoreSlim _writers = new(Math.Max(2, Environment.ProcessorCount));

    public WorktreePlace Place(GitRepository repository, string taskId) => new(repository.Mirror, taskId, Path.Combine(home.WorktreesPath, taskId));

    /// <summary>Finds the worktree, or makes it.</summary>
    /// <exception cref="GitRefusedException">It cannot be made, and why.</exception>
    public async Task<WorktreeReport> PrepareAsync(GitRepository repository, GitRepository.TaskStay stay, WorktreeRequest request, long askedTimestamp, CancellationToken cancellationToken)
    {
        var place = Place(repository, request.Session.TaskId);
        WorktreeRecord? record = null;
        if (repositories.IsThere(repository.Mirror))
        {
            await settings.RestoreAsync(repository.Mirror, cancellationToken);
            record = WorktreeRecord.Read(repository.Mirror, place.TaskId);
            if (record is { State: WorktreeState.Ready })
            {
                if (await IsWholeAsync(place, record, cancellationToken)) return Report(request, place, record, []);
                if (place.Tip(record.Branch) is { } tip) return await MakeAgainAsync(repository, place, stay, request, record, tip, cancellationToken);
            }
            else if (record is not null || place.HasFolder || Directory.Exists(place.AdminFolder))
            {
                // No agent has been here: a git that is still at work is one that a killed service began.
                await orphans.EndAsync([place.Path, place.AdminFolder], cancellationToken);
            }
        }

        var notes = new List<string>();
        var fetchFailure = await repositories.FreshenAsync(repository, request.AcceptedAt, askedTimestamp, cancellationToken);
        if (fetchFailure is not null) notes.Add($"The fetch failed, and the work starts from what was fetched before. {fetchFailure.Message}");
        var start = await starts.FindAsync(repository, place, request, fetchFailure, cancellationToken);
        await ClearAsync(place, request.Session, record, start.Branch, start.BaseSha, notes, cancellationToken);
        var made = await AddAsync(place, stay, start, start.BaseSha, cancellationToken);
        return Report(request, place, made, notes);
    }

    /// <summary>
    /// Finds the worktree of a task that has ended and never heard of it. One that was never ready is removed, as no agent has been there; what looks otherwise is left to the sweep.
    /// </summary>
    public async Task<WorktreeReport> FindAsync(GitRepository repository, SessionName session, CancellationToken cancellationToken)
    {
        var place = Place(repository, session.TaskId);
        if (!repositories.IsThere(place.Mirror)) return new(session, null, null);
        var record = WorktreeRecord.Read(place.Mirror, place.TaskId);
        if (record is { State: WorktreeState.Ready or WorktreeState.Removing })
            return new(session, place.HasFolder ? new(place.Mirror.Repository, place.Path, record.Branch, record.BaseBranch, record.BaseSha) : null, null);
        var branch = record?.Branch ?? place.HeadBranch;
        if (branch is null || (place.Tip(branch) ?? record?.BaseSha) is not { } tip) return new(session, null, null);
        await settings.RestoreAsync(place.Mirror, cancellationToken);
        await orphans.EndAsync([place.Path, place.AdminFolder], cancellationToken);
        var notes = new List<string>();
        await ClearAsync(place, session, record, branch, tip, notes, cancellationToken);
        WorktreeRecord.Remove(place.Mirror, place.TaskId);
        return new(session, null, null, notes.Count == 0 ? null : string.Join(' ', notes));
    }

    private static WorktreeReport Report(WorktreeRequest request, WorktreePlace place, WorktreeRecord record, List<string> notes) => new(
        request.Session, new(request.Repository, place.Path, record.Branch, record.BaseBranch, record.BaseSha), null, notes.Count == 0 ? null : string.Join(' ', notes));

    /// <summary>Whether an agent can work there, or go on. What is in it, and on which branch, is the agent's business.</summary>
    private async Task<bool> IsWholeAsync(WorktreePlace place, WorktreeRecord record, CancellationToken cancellationToken)
    {
        if (!place.HasFolder || !place.HasAdmin) return false;
        settings.RestoreWorktree(place.Mirror, place.TaskId);
        RestoreLink(place);
        lockFiles.RemoveLeft(place.Mirror, place.TaskId, record.Branch);
        var head = await git.TryRunAsync(new(place.AdminFolder, "rev-parse", "--verify", "--quiet", "HEAD^{commit}") { WorkTree = place.Path, IsIsolated = true }, cancellationToken);
        return head.ExitCode == 0;
    }

    /// <summary>The file <c>.git</c>, by which the agent's git finds the mirror.</summary>
    private static void RestoreLink(WorktreePlace place)
    {
        var path = Path.Combine(place.Path, ".git");
        // A link is no file of git's: what it leads to is somebody else's, and must be neither believed nor written.
        if (new FileInfo(path).LinkTarget is not null) File.Delete(path);
        if (Directory.Exists(path))
            throw new GitRefusedException($"In {place.Path} somebody replaced .git by a repository of its own.", "Save what is needed from it, remove its .git folder, then retry the task.", MachineFailureKind.Machine);
        var wanted = $"{Path.GetFileName(place.Mirror.Path)}/worktrees/{place.TaskId}";
        if (RefFiles.ReadLoose(path) is not { } text || !text.StartsWith("gitdir: ", StringComparison.Ordinal) || !text.EndsWith(wanted, StringComparison.Ordinal))
            DurableFile.Write(path, Encoding.UTF8.GetBytes($"gitdir: {place.AdminFolder}\n"), isFlushed: false);
    }

    /// <summary>A worktree that was ready is gone or broken: its branch still has what was committed, so that the task goes on from there; its base stays.</summary>
    private async Task<WorktreeReport> MakeAgainAsync(
        GitRepository repository, WorktreePlace place, GitRepository.TaskStay stay, WorktreeRequest request, WorktreeRecord record, string tip, CancellationToken cancellationToken)
    {
        await starts.CheckNotTakenAsync(repository, place, record.Branch, cancellationToken);
        var notes = new List<string> { $"The worktree was gone or damaged, and was made again from branch {record.Branch}." };
        await ClearAsync(place, request.Session, record, record.Branch, tip, notes, cancellationToken);
        return Report(request, place, await AddAsync(place, stay, record, tip, cancellationToken), notes);
    }

    /// <summary>Saves and removes whatever stands where the worktree will be.</summary>
    private async Task ClearAsync(
        WorktreePlace place, SessionName session, WorktreeRecord? record, string branch, string newTip, List<string> notes, CancellationToken cancellationToken)
    {
        var saved = new List<string?>();
        settings.RestoreWorktree(place.Mirror, place.TaskId);
        if (place.HasFolder && record is null && !place.HasAdmin)
        {
            notes.Add($"A folder that was not ours stood in the way, and is now {quarantine.Put(new(QuarantineKind.Worktree, place.TaskId, "It stood where a worktree was to be made."), place.Path)}.");
        }
        else if (record is not { State: WorktreeState.Removing })
        {
            if (place.HasAdmin) saved.Add(await salvage.SaveHeadAsync(place, session, cancellationToken));
            // Git writes the index last. An entry that was never ready and has none is git's own half work, a file cut in the middle included: no agent can have been there. A folder
            // that has lost its entry tells less: files that are missing there are no work, others may be.
            var isMade = record is { State: WorktreeState.Ready } || File.Exists(Path.Combine(place.AdminFolder, "index"));
            var isHalfMade = !isMade && !place.HasAdmin;
            if (place.HasFolder && (isMade || isHalfMade))
            {
                var files = await salvage.SaveFilesAsync(place, session, place.Head ?? place.Tip(branch) ?? newTip, isHalfMade, cancellationToken);
                saved.Add(files.Ref);
                if (files.HasRepository) notes.Add($"A repository was inside the worktree, which is now {place.PutAside(quarantine, "A repository was inside of it.", files.Ref)}.");
            }
        }

        if (place.Tip(branch) is { } tip) saved.Add(await salvage.SaveBranchAsync(place, session, tip, newTip, cancellationToken));
        notes.AddRange(saved.OfType<string>().Select(name => $"Earlier work was saved to {name}."));
        lockFiles.RemoveLeft(place.Mirror, place.TaskId, branch);
        place.Remove();
    }

    private async Task<WorktreeRecord> AddAsync(WorktreePlace place, GitRepository.TaskStay stay, WorktreeRecord record, string tip, CancellationToken cancellationToken)
    {
        var isNewBranch = place.Tip(record.Branch) is null;
        Directory.CreateDirectory(home.WorktreesPath);
        try
        {
            (record with { State = WorktreeState.Making }).Write(place.Mirror, place.TaskId);
            // Git refuses a branch that somebody has, or rebases; for that it looks through all worktrees, three times over. Nobody has one that is not there yet.
            string[] branch = isNewBranch ? ["--detach"] : ["--no-track", "-B", record.Branch];
            await lockFiles.RunAsync(place.Mirror, new(place.Mirror.Path, ["worktree", "add", "--quiet", "--no-checkout", .. branch, "--", place.Path, tip]), cancellationToken);
            if (isNewBranch) place.PointHeadTo(record.Branch);
            stay.StepOut(record.Branch);
            await WriteFilesAsync(place, tip, cancellationToken);
            var ready = record with { State = WorktreeState.Ready };
            ready.Write(place.Mirror, place.TaskId);
            return ready;
        }
        catch (Exception exception) when (GitFailures.IsExpected(exception) || exception is OperationCanceledException)
        {
            // A task that is cancelled here never comes back, and would hold its branch for ever. But it must not wait for another's fetch: what is left is cleared when the ended task
            // looks for it, or by whoever wants the branch.
            if (await stay.TryReturnAsync(UndoPatience)) await UndoAsync(place, record, isNewBranch ? tip : null);
            throw;
        }
    }

    /// <summary>Makes branch, files and index. Outside of the repository's lock.</summary>
    private async Task WriteFilesAsync(WorktreePlace place, string tip, CancellationToken cancellationToken)
    {
        // One whose filter hangs must not hold up the others for long.
        var isCounted = await _writers.WaitAsync(WriterPatience, cancellationToken);
        try
        {
            await lockFiles.RunAsync(place.Mirror, new(place.AdminFolder, "reset", "--hard", "--quiet", "--no-recurse-submodules", tip) { WorkTree = place.Path }, cancellationToken);
        }
        finally
        {
            if (isCounted) _writers.Release();
        }
    }

    /// <summary>On a full disk git removes the folder and leaves the branch. What cannot be undone is found by the next call.</summary>
    private async Task UndoAsync(WorktreePlace place, WorktreeRecord record, string? newBranchTip)
    {
        try
        {
            lockFiles.RemoveLeft(place.Mirror, place.TaskId, record.Branch);
            place.Remove();
            if (newBranchTip is not null && place.Tip(record.Branch) == newBranchTip)
                await git.TryRunAsync(new(place.Mirror.Path, "update-ref", "-d", "refs/heads/" + record.Branch, newBranchTip), CancellationToken.None);
            // One that was ready before, and was to be made again, goes on from its branch next time, too.
            if (record.State == WorktreeState.Ready) record.Write(place.Mirror, place.TaskId);
            else WorktreeRecord.Remove(place.Mirror, place.TaskId);
        }
        catch (Exception exception) when (GitFailures.IsExpected(exception))
        {
            // The first failure is the one to tell of; the intent stays, and with it what to clear next time.
        }
    }
}
