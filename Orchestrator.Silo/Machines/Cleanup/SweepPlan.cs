using Orchestrator.Interfaces.Machines;
using Orchestrator.Silo.Configuration;

namespace Orchestrator.Silo.Machines.Cleanup;

/// <summary>A kept worktree of an ended task.</summary>
/// <param name="Session">The task's latest session, as the catalog knows it.</param>
/// <param name="Repository"><c>owner/name</c>.</param>
/// <param name="EndedAt">UTC.</param>
/// <param name="Bytes">How large it is; 0 when nobody asks.</param>
internal sealed record KeptWorktree(SessionName Session, string Repository, DateTimeOffset EndedAt, long Bytes = 0);

/// <summary>A worktree that may go.</summary>
/// <param name="Worktree">Which.</param>
/// <param name="Reason">For people.</param>
/// <param name="OnlyClean">Whether it may go only when nothing in it has to be saved.</param>
internal sealed record WorktreeChoice(KeptWorktree Worktree, string Reason, bool OnlyClean = false);

/// <summary>Says which worktrees may go. Pure.</summary>
internal static class SweepPlan
{
    /// <summary>Those that may go, oldest end first. An end in the future, by a clock that was wrong, counts as now.</summary>
    /// <param name="kept">All that are kept.</param>
    /// <param name="options">How many, how old, how large.</param>
    /// <param name="now">UTC.</param>
    /// <param name="homeBytes">Bytes of all that counts; 0 when there is no limit.</param>
    /// <param name="isClockSound">False when the clock has jumped since the last sweep: then ages count for nothing.</param>
    /// <param name="isDiskFull">Whether room has to be made now.</param>
    public static IReadOnlyList<WorktreeChoice> Choose(
        IEnumerable<KeptWorktree> kept, CleanupOptions options, DateTimeOffset now, long homeBytes, bool isClockSound, bool isDiskFull)
    {
        var oldestFirst = kept.OrderBy(worktree => worktree.EndedAt).ThenBy(worktree => worktree.Session.TaskId, StringComparer.Ordinal).ToList();
        var choices = new List<WorktreeChoice>();
        for (var index = 0; index < oldestFirst.Count; index++)
        {
            var worktree = oldestFirst[index];
            var reason = ReasonOf(worktree, oldestFirst.Count - index, options, now, homeBytes, isClockSound);
            if (reason is null && !isDiskFull) break;
            choices.Add(new(worktree, reason ?? "the disk is full", OnlyClean: reason is null));
            homeBytes -= worktree.Bytes;
        }

        return choices;
    }

    private static string? ReasonOf(KeptWorktree worktree, int countLeft, CleanupOptions options, DateTimeOffset now, long homeBytes, bool isClockSound)
    {
        if (isClockSound && now - worktree.EndedAt is var age && age >= TimeSpan.Zero && age > options.WorktreeAgeMax) return $"its task ended more than {Shown(options.WorktreeAgeMax.TotalDays)} days ago";
        if (countLeft > options.WorktreeCountMax) return $"more than {options.WorktreeCountMax} are kept";
        return options.HomeBytesMax > 0 && homeBytes > options.HomeBytesMax ? $"the home has more than {Shown(options.HomeBytesMax / (double)(1L << 30))} GiB" : null;
    }

    private static string Shown(double number) => number.ToString("0.##", System.Globalization.CultureInfo.InvariantCulture);
}
