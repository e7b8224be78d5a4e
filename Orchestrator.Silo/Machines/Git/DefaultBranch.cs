using Orchestrator.Silo.Processes;

namespace Orchestrator.Silo.Machines.Git;

/// <summary>
/// Finds a remote's default branch. Its name is kept as <c>refs/remotes/origin/HEAD</c>; the remote is asked again (<c>ls-remote --symref</c>) only when the commit of its HEAD, which
/// each fetch brings, is not that branch's: a task need not wait for another connection.
/// </summary>
internal sealed class DefaultBranch(GitProgram git, GitLockFiles lockFiles)
{
    private const string Ref = GitMirror.RemoteRefs + "HEAD";

    /// <summary>The name; null when the remote names none and has not exactly one branch.</summary>
    /// <param name="mirror">A mirror that has just been fetched.</param>
    /// <param name="isFresh">Whether that fetch went well: else the remote is not asked when a name is known.</param>
    /// <param name="cancellationToken">Ends the question.</param>
    public async Task<string?> FindAsync(GitMirror mirror, bool isFresh, CancellationToken cancellationToken)
    {
        var known = Known(mirror);
        if (known is not null && (!isFresh || IsStill(mirror, known))) return known;
        var asked = await AskAsync(mirror, cancellationToken);
        if (asked is not null && asked != known) await lockFiles.RunAsync(mirror, new(mirror.Path, "symbolic-ref", Ref, GitMirror.RemoteRefs + asked), cancellationToken);
        return asked ?? known ?? await OnlyBranchAsync(mirror, cancellationToken);
    }

    private static string? Known(GitMirror mirror)
    {
        var name = RefFiles.ReadSymbolic(mirror.At(Ref));
        if (name is null || !name.StartsWith(GitMirror.RemoteRefs, StringComparison.Ordinal)) return null;
        var branch = name[GitMirror.RemoteRefs.Length..];
        return GitNames.IsBranch(branch) && RefFiles.Read(mirror, name) is not null ? branch : null;
    }

    private static bool IsStill(GitMirror mirror, string branch) =>
        RefFiles.Read(mirror, GitRepositories.RemoteHeadRef) is { } head && head == RefFiles.Read(mirror, GitMirror.RemoteRefs + branch);

    private async Task<string?> AskAsync(GitMirror mirror, CancellationToken cancellationToken)
    {
        try
        {
            var answer = await git.RunAsync(new(mirror.Path, "ls-remote", "--symref", "--", GitMirror.Remote, "HEAD") { IsFetch = true }, cancellationToken);
            const string prefix = "ref: refs/heads/";
            var line = answer.Split('\n').FirstOrDefault(line => line.StartsWith(prefix, StringComparison.Ordinal));
            var name = line?[prefix.Length..].Split('\t')[0];
            return name is not null && GitNames.IsBranch(name) && RefFiles.Read(mirror, GitMirror.RemoteRefs + name) is not null ? name : null;
        }
        catch (ToolFailedException)
        {
            // Unreachable just now: what is known has to do, and the caller says so when nothing is.
            return null;
        }
    }

    private async Task<string?> OnlyBranchAsync(GitMirror mirror, CancellationToken cancellationToken)
    {
        var answer = await git.RunAsync(new(mirror.Path, "for-each-ref", "--count=3", "--format=%(refname:strip=3)", GitMirror.RemoteRefs), cancellationToken);
        var names = answer.Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(name => name != "HEAD").ToList();
        return names is [var name] && GitNames.IsBranch(name) ? name : null;
    }
}
