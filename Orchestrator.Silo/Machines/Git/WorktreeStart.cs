using Orchestrator.Interfaces.Machines;
using Orchestrator.Silo.Configuration;
using Orchestrator.Silo.Machines.Cleanup;

namespace Orchestrator.Silo.Machines.Git;

/// <summary>
/// Says where a task's work starts: a new branch <c>task/&lt;taskId&gt;</c> at the newest commit of its base, or an existing branch of the remote at its own newest commit. For the latter
/// the base branch is what the work will be merged into: the one asked for, else the default branch.
/// </summary>
internal sealed class WorktreeStart(DefaultBranch defaultBranch, BranchRelease branches, OrphanedGits orphans, LiveSessions sessions, OrchestratorHome home)
{
    /// <exception cref="GitRefusedException">There is no such branch.</exception>
    /// <exception cref="BranchTakenException">Another task works on it.</exception>
    public async Task<WorktreeRecord> FindAsync(GitRepository repository, WorktreePlace place, WorktreeRequest request, MachineFailure? fetchFailure, CancellationToken cancellationToken)
    {
        var mirror = place.Mirror;
        if (request.ContinuationBranch is { } branch)
        {
            var tip = Find(mirror, branch, fetchFailure);
            await CheckNotTakenAsync(repository, place, branch, cancellationToken);
            var target = request.BaseBranch ?? await defaultBranch.FindAsync(mirror, fetchFailure is null, cancellationToken) ?? branch;
            return new(WorktreeState.Making, branch, target, tip);
        }

        var baseBranch = request.BaseBranch ?? await defaultBranch.FindAsync(mirror, fetchFailure is null, cancellationToken) ?? throw new GitRefusedException(
            $"Repository {mirror.Repository} has no default branch that is there, or no branch at all ({mirror.ShownUrl}).",
            "Push a first commit, point the repository's HEAD to an existing branch, or give the task a baseBranch.");
        var start = new WorktreeRecord(WorktreeState.Making, "task/" + place.TaskId, baseBranch, Find(mirror, baseBranch, fetchFailure));
        // From an earlier run: another task may go on with it. One that is not there yet is nobody's.
        if (place.Tip(start.Branch) is not null) await CheckNotTakenAsync(repository, place, start.Branch, cancellationToken);
        return start;
    }

    private static string Find(GitMirror mirror, string branch, MachineFailure? fetchFailure) =>
        RefFiles.Read(mirror, GitMirror.RemoteRefs + branch) ?? throw new GitRefusedException(fetchFailure ?? new(
            $"Branch {branch} does not exist in repository {mirror.Repository} ({mirror.ShownUrl}).", "Push the branch, or send the task with another one."));

    /// <summary>
    /// Git lets a branch be checked out once, whoever made the worktree. Entries of folders that are gone are removed: they hold nothing but an index. One that was never ready, or is being removed, is left over, as nobody else
    /// removes any while we hold the repository's lock, and those who make one are known: it lets go of the branch.
    /// </summary>
    /// <exception cref="BranchTakenException">Another task works on it.</exception>
    public async Task CheckNotTakenAsync(GitRepository repository, WorktreePlace place, string branch, CancellationToken cancellationToken)
    {
        if (repository.FindMaker(branch) is { } maker) throw new BranchTakenException(branch, maker);
        var admins = place.Mirror.At("worktrees");
        if (!Directory.Exists(admins)) return;
        foreach (var admin in Directory.GetDirectories(admins))
        {
            var owner = Path.GetFileName(admin);
            if (owner == place.TaskId || RefFiles.ReadSymbolic(Path.Combine(admin, "HEAD")) != "refs/heads/" + branch) continue;
            var other = new WorktreePlace(place.Mirror, owner, Path.Combine(home.WorktreesPath, owner));
            if (!File.Exists(place.Mirror.RecordPath(owner)) && WorktreePlace.FolderOf(admin) is { } folder && Directory.Exists(folder))
            {
                await TakeFromAgentAsync(other, folder, branch, cancellationToken);
                continue;
            }

            if (Directory.Exists(other.Path))
            {
                if (WorktreeRecord.Read(place.Mirror, owner) is not { State: WorktreeState.Making or WorktreeState.Removing }) throw new BranchTakenException(branch, owner);
                await orphans.EndAsync([other.Path, other.AdminFolder], cancellationToken);
                await branches.LetGoAsync(other, cancellationToken);
                if (other.HeadBranch is null) continue;
            }

            FolderRemoval.Remove(admin);
        }
    }

    /// <summary>A worktree that an agent has made for itself, anywhere: while it may work there, the branch is taken; then it lets go of the branch, and nothing of it is removed.</summary>
    private async Task TakeFromAgentAsync(WorktreePlace other, string folder, string branch, CancellationToken cancellationToken)
    {
        if (FindUser(other.Mirror, folder) is { } user) throw new BranchTakenException(branch, user);
        await branches.LetGoAsync(other, cancellationToken);
        if (other.HeadBranch is not null) throw new BranchTakenException(branch, other.TaskId);
    }

    /// <summary>The task whose agent may work in that folder; null: there is none.</summary>
    private string? FindUser(GitMirror mirror, string folder)
    {
        var root = home.WorktreesPath + "/";
        var taskId = folder.StartsWith(root, StringComparison.Ordinal) ? folder[root.Length..].Split('/')[0] : null;
        if (taskId is not null && File.Exists(mirror.RecordPath(taskId))) return sessions.FindAlive(taskId) is null ? null : taskId;
        return sessions.FindAnyHeldLock(id => File.Exists(mirror.RecordPath(id)))?.Split('/')[0] ?? (LiveSessions.FindVisitor(folder) is null ? null : Path.GetFileName(folder));
    }
}

/// <summary>Another task's worktree has the branch: whoever wants it waits.</summary>
internal sealed class BranchTakenException(string branch, string taskId) : Exception($"Branch {branch} is in use by task {taskId}.")
{
    public string TaskId { get; } = taskId;
}
