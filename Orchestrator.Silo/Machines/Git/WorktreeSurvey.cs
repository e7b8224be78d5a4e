using Orchestrator.Silo.Configuration;

namespace Orchestrator.Silo.Machines.Git;

/// <summary>Looks at a kept worktree without changing it.</summary>
internal sealed class WorktreeSurvey(GitProgram git, GitRepositories repositories, MirrorSettings settings, OrchestratorHome home)
{
    /// <summary>Whether nothing in it is uncommitted, so that its removal needs no room. False when git cannot say.</summary>
    public async Task<bool> IsCleanAsync(string taskId, string repository, CancellationToken cancellationToken)
    {
        var mirror = repositories.Find(repository).Mirror;
        var place = new WorktreePlace(mirror, taskId, Path.Combine(home.WorktreesPath, taskId));
        if (!place.HasFolder) return true;
        if (!place.HasAdmin) return false;
        settings.RestoreWorktree(mirror, taskId);
        try
        {
            var status = await git.RunAsync(
                new(place.AdminFolder, "status", "--porcelain", "-z", "--untracked-files=normal", "--ignore-submodules=dirty", "--no-renames") { WorkTree = place.Path, IsIsolated = true }, cancellationToken);
            return status.Length == 0;
        }
        catch (Exception exception) when (GitFailures.IsExpected(exception))
        {
            return false;
        }
    }
}
