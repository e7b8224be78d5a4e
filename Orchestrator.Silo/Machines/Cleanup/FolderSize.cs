using System.Collections.Concurrent;
using Orchestrator.Silo.Configuration;

namespace Orchestrator.Silo.Machines.Cleanup;

/// <summary>Bytes of files, links not followed. Measuring a large worktree takes a second: those of ended tasks are measured once.</summary>
internal sealed class FolderSize(OrchestratorHome home)
{
    private static readonly EnumerationOptions Everything = new() { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.ReparsePoint, IgnoreInaccessible = true };
    private readonly ConcurrentDictionary<string, long> _worktrees = new(StringComparer.Ordinal);

    /// <summary>Of the kept worktree of an ended task.</summary>
    public long OfKept(KeptWorktree worktree) => _worktrees.GetOrAdd(worktree.Session.ToString(), _ => Of(Path.Combine(home.WorktreesPath, worktree.Session.TaskId)));

    /// <summary>Of all that counts against <c>HOME_MAX_GB</c>.</summary>
    /// <param name="kept">The worktrees that are measured already.</param>
    public long OfHome(IReadOnlyCollection<KeptWorktree> kept)
    {
        var known = kept.Select(worktree => worktree.Session.TaskId).ToHashSet(StringComparer.Ordinal);
        var others = Directory.Exists(home.WorktreesPath) ? Directory.EnumerateDirectories(home.WorktreesPath).Where(path => !known.Contains(Path.GetFileName(path))).Sum(Of) : 0;
        return kept.Sum(worktree => worktree.Bytes) + others + Of(home.SessionsPath) + Of(home.RepositoriesPath);
    }

    /// <summary>Forgets worktrees that are gone.</summary>
    public void Keep(IEnumerable<KeptWorktree> kept)
    {
        var names = kept.Select(worktree => worktree.Session.ToString()).ToHashSet(StringComparer.Ordinal);
        foreach (var name in _worktrees.Keys.Where(name => !names.Contains(name))) _worktrees.TryRemove(name, out _);
    }

    private static long Of(string folder)
    {
        if (!Directory.Exists(folder)) return 0;
        try
        {
            return new DirectoryInfo(folder).EnumerateFiles("*", Everything).Sum(file => file.Length);
        }
        catch (IOException)
        {
            // Something went while it was looked at: the next sweep measures again.
            return 0;
        }
    }
}
