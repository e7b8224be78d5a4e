using System.Collections.Concurrent;
using Orchestrator.Silo.Configuration;

namespace Orchestrator.Silo.Machines.Cleanup;

/// <summary>Bytes of files, links not followed. Measuring a large worktree takes a second: those of ended tasks are measured once.</summary>
internal sealed class FolderSize(OrchestratorHome home)
{
    private static readonly EnumerationOptions Everything = new() { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.ReparsePoint, IgnoreInaccessible = true };
    private readonly ConcurrentDictionary<string, long> _worktrees = new(StringComparer.Ordinal);

    /// <summary>Of the kept worktree of an ended task.</summary>
    public long OfKept(KeptWorktree worktree)
    {
        var name = worktree.Session.ToString();
        if (_worktrees.TryGetValue(name, out var known)) return known;
        var (bytes, isWhole) = Measure(Path.Combine(home.WorktreesPath, worktree.Session.TaskId));
        if (isWhole) _worktrees[name] = bytes;
        return bytes;
    }

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

    private static long Of(string folder) => Measure(folder).Bytes;

    /// <summary>What goes while it is looked at counts for nothing, and hides nothing else: the next sweep measures again.</summary>
    private static (long Bytes, bool IsWhole) Measure(string folder)
    {
        var (bytes, isWhole) = (0L, true);
        if (!Directory.Exists(folder)) return (0, true);
        try
        {
            foreach (var file in new DirectoryInfo(folder).EnumerateFiles("*", Everything))
            {
                try
                {
                    bytes += file.Length;
                }
                catch (FileNotFoundException)
                {
                    isWhole = false;
                }
            }
        }
        catch (IOException)
        {
            isWhole = false;
        }

        return (bytes, isWhole);
    }
}
