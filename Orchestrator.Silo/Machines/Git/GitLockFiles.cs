using System.Text.RegularExpressions;
using Orchestrator.Silo.Processes;

namespace Orchestrator.Silo.Machines.Git;

/// <summary>
/// A killed git leaves its lock files behind, and every later one fails on them. They are removed only when no git lives that may hold them, and only by who has the
/// repository's lock, or writes the files of a worktree that is nobody else's (<see cref="GitRepository.TaskStay"/>).
/// </summary>
internal sealed partial class GitLockFiles(GitProgram git, TimeProvider clock)
{
    private const int TriesMax = 10;
    private static readonly TimeSpan BetweenTries = TimeSpan.FromMilliseconds(200);

    /// <summary>Where processes cannot be looked at, a lock file this old is taken for left behind: longer than any deadline of ours.</summary>
    private static readonly TimeSpan AgeMin = TimeSpan.FromMinutes(15);

    /// <summary>Runs a command; when a lock file is in its way, waits for its holder, or removes it when there is none.</summary>
    /// <exception cref="ToolFailedException">It failed, for another reason or because the lock stayed.</exception>
    public async Task<string> RunAsync(GitMirror mirror, GitCommand command, CancellationToken cancellationToken)
    {
        for (var tries = 1; ; tries++)
        {
            try
            {
                return await git.RunAsync(command, cancellationToken);
            }
            catch (ToolFailedException exception) when (tries < TriesMax && FindIn(exception.ErrorTail, mirror) is { } path)
            {
                if (!TryRemove(path, RootsOf(mirror))) await Task.Delay(BetweenTries, clock, cancellationToken);
            }
        }
    }

    /// <summary>Removes what a killed git left in a worktree's own folder and on its branch.</summary>
    public void RemoveLeft(GitMirror mirror, string taskId, string branch)
    {
        // Other tasks' agents use git all the time, in their own worktrees: they hold nothing in this one.
        var admin = mirror.AdminFolder(taskId);
        if (Directory.Exists(admin))
            foreach (var path in Directory.EnumerateFiles(admin, "*.lock")) TryRemove(path, [admin, .. WorktreeOf(admin)]);
        TryRemove(mirror.At("refs", "heads", branch + ".lock"), RootsOf(mirror));
    }

    private bool TryRemove(string path, List<string> roots)
    {
        var file = new FileInfo(path);
        if (!file.Exists) return true;
        var age = clock.GetUtcNow() - new DateTimeOffset(file.LastWriteTimeUtc, TimeSpan.Zero);
        if (OperatingSystem.IsLinux() ? GitLockHolders.Exist(roots, age) : age < AgeMin) return false;
        file.Delete();
        return true;
    }

    private static string? FindIn(string error, GitMirror mirror)
    {
        var match = LockFile().Match(error);
        if (!match.Success) return null;
        var path = Path.GetFullPath(match.Groups["path"].Value, mirror.Path);
        return path.StartsWith(mirror.Path + "/", StringComparison.Ordinal) ? path : null;
    }

    /// <summary>The mirror and all worktrees of it.</summary>
    private static List<string> RootsOf(GitMirror mirror) =>
        [mirror.Path, .. Directory.Exists(mirror.At("worktrees")) ? Directory.EnumerateDirectories(mirror.At("worktrees")).SelectMany(WorktreeOf) : []];

    private static IEnumerable<string> WorktreeOf(string admin) => RefFiles.ReadLoose(Path.Combine(admin, "gitdir")) is { } path ? [Path.GetDirectoryName(path)!] : [];

    [GeneratedRegex(@"'(?<path>[^'\n]+\.lock)': File exists", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex LockFile();
}
