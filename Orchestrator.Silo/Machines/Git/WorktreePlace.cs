using System.Text;
using Orchestrator.Processes;
using Orchestrator.Silo.Machines.Cleanup;

namespace Orchestrator.Silo.Machines.Git;

/// <summary>The two halves of a task's worktree: the folder that the agent works in, and what git keeps of it in the mirror.</summary>
/// <param name="Mirror">The mirror.</param>
/// <param name="TaskId">The task, checked.</param>
/// <param name="Path">The folder, under our own root.</param>
internal sealed record WorktreePlace(GitMirror Mirror, string TaskId, string Path)
{
    public string AdminFolder => Mirror.AdminFolder(TaskId);

    /// <summary>Whether there is a folder; a link that stands there instead is none.</summary>
    public bool HasFolder => Directory.Exists(Path) && new DirectoryInfo(Path).LinkTarget is null;

    /// <summary>Whether git's half is that of a folder that stands elsewhere: an agent's own <c>git worktree add</c>. False when there is no such half.</summary>
    public bool IsElsewhere => FolderOf(AdminFolder) is { } folder && !IsSame(folder, Path);

    public bool HasAdmin => File.Exists(System.IO.Path.Combine(AdminFolder, "HEAD"));

    /// <summary>The commit that is checked out; null when there is none.</summary>
    public string? Head
    {
        get
        {
            var head = RefFiles.ReadLoose(System.IO.Path.Combine(AdminFolder, "HEAD"));
            if (head is null) return null;
            if (head.StartsWith("ref: ", StringComparison.Ordinal)) return RefFiles.Read(Mirror, head["ref: ".Length..]);
            // Git begins a worktree with a HEAD of zeros.
            return RefFiles.IsId(head) && head.Any(digit => digit != '0') ? head : null;
        }
    }

    /// <summary>The branch that is checked out; null when there is none.</summary>
    public string? HeadBranch => RefFiles.ReadSymbolic(System.IO.Path.Combine(AdminFolder, "HEAD")) is { } name && name.StartsWith("refs/heads/", StringComparison.Ordinal)
        ? name["refs/heads/".Length..]
        : null;

    /// <summary>Puts the worktree onto a branch that is not there yet, as <c>git symbolic-ref</c> does (gitrepository-layout(5)).</summary>
    public void PointHeadTo(string branch) => DurableFile.Write(System.IO.Path.Combine(AdminFolder, "HEAD"), Encoding.UTF8.GetBytes($"ref: refs/heads/{branch}\n"), isFlushed: false);

    /// <summary>The folder of which git keeps something; null when git does not say. It may be gone.</summary>
    /// <param name="admin">Git's half.</param>
    public static string? FolderOf(string admin) =>
        RefFiles.ReadLoose(System.IO.Path.Combine(admin, "gitdir")) is { Length: > 0 } link ? System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(link, admin)) : null;

    /// <summary>Git writes paths without links, and a link may be above our root (macOS has one above every temporary folder): the last three parts tell ours from one inside of another worktree.</summary>
    private static bool IsSame(string folder, string path) => folder.Split('/').TakeLast(3).SequenceEqual(path.Split('/').TakeLast(3), StringComparer.Ordinal);

    /// <summary>The newest commit of a branch of ours; null when there is no such branch.</summary>
    public string? Tip(string branch) => RefFiles.Read(Mirror, "refs/heads/" + branch);

    /// <summary>Puts both halves aside: the repositories of submodules are in git's own half. Where the folder is now.</summary>
    public string PutAside(Quarantine quarantine, string why, params string?[] savedTo) => quarantine.Put(
        new(QuarantineKind.Worktree, TaskId, why) { Repository = Mirror.Repository, SavedTo = [.. savedTo.OfType<string>()] }, Path, AdminFolder, Mirror.RecordPath(TaskId));

    /// <summary>Removes both halves, whatever is left of them. What was worth saving has been saved. As <c>git worktree remove -f -f</c> and <c>prune</c>, which give up on half-made ones.</summary>
    public void Remove()
    {
        FolderRemoval.Remove(Path);
        FolderRemoval.Remove(AdminFolder);
    }
}
