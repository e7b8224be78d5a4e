using System.Globalization;
using System.Text.RegularExpressions;
using Orchestrator.Interfaces.AgentTasks;
using Orchestrator.Interfaces.Machines;
using Orchestrator.Silo.Processes;

namespace Orchestrator.Silo.Machines.Git;

/// <summary>
/// Reads what an agent did. Needs no lock. All commands read the mirror's configuration alone, which has just been put back: a filter, an external diff or a signature program that
/// an agent may have planted does not exist for them. The price: with filters of the user's own (LFS), files that look changed by their time stamp count as uncommitted work.
/// </summary>
internal sealed partial class WorkCollection(GitProgram git, MirrorSettings settings, ILogger<WorkCollection> logger)
{
    private const int CommitsMax = 100;
    private const int SubjectCharsMax = 500;

    /// <summary>Counts. The worktree's branch is what counts, unless the agent went to another branch, or to none, and has more commits there.</summary>
    public async Task<WorkReport> CollectAsync(WorktreePlace place, SessionName session, Worktree worktree, CancellationToken cancellationToken)
    {
        if (!File.Exists(place.Mirror.At("HEAD"))) return Lost(session, place);
        await settings.RestoreAsync(place.Mirror, cancellationToken);
        settings.RestoreWorktree(place.Mirror, place.TaskId);
        var isLost = !place.HasFolder || !place.HasAdmin;
        var (tip, branch) = await FindTipAsync(place, worktree, cancellationToken);
        if (tip is null) return Lost(session, place);
        var counting = CountAsync(place, worktree.BaseSha, tip, cancellationToken);
        var listing = ListAsync(place, worktree.BaseSha, tip, cancellationToken);
        var comparing = CompareAsync(place, worktree.BaseSha, tip, cancellationToken);
        var looking = isLost ? Task.FromResult(false) : IsDirtyAsync(place, cancellationToken);
        await Task.WhenAll(counting, listing, comparing, looking);
        var report = new WorkReport(session, await counting, await listing, await comparing, await looking, Branch: branch == worktree.Branch ? null : branch);
        return isLost ? report with { Failure = Lost(session, place).Failure, IsLost = true } : report;
    }

    private static WorkReport Lost(SessionName session, WorktreePlace place) => new(
        session, 0, [], null, false, new($"The worktree of task {place.TaskId} is gone ({place.Path}).", "Find out who removed it; its branch is in the mirror, when it was committed."), IsLost: true);

    private async Task<(string? Tip, string? Branch)> FindTipAsync(WorktreePlace place, Worktree worktree, CancellationToken cancellationToken)
    {
        var (tip, head) = (place.Tip(worktree.Branch), place.Head);
        if (head is null || head == tip) return (tip, worktree.Branch);
        if (tip is null) return (head, place.HeadBranch);
        var (onBranch, onHead) = (CountAsync(place, worktree.BaseSha, tip, cancellationToken), CountAsync(place, worktree.BaseSha, head, cancellationToken));
        return await onHead > await onBranch ? (head, place.HeadBranch) : (tip, worktree.Branch);
    }

    private async Task<int> CountAsync(WorktreePlace place, string from, string to, CancellationToken cancellationToken) =>
        int.Parse(await RunAsync(place, ["rev-list", "--count", to, "^" + from, "--"], cancellationToken), NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture);

    private async Task<IReadOnlyList<CommitDetail>> ListAsync(WorktreePlace place, string from, string to, CancellationToken cancellationToken)
    {
        // --max-count would keep the newest; the oldest come first in what is read, and what is cut from a very long output are newer ones.
        var output = await RunAsync(place, ["log", "--reverse", "--topo-order", "--no-show-signature", "-z", "--format=%H%s", to, "^" + from, "--"], cancellationToken);
        return [.. output.Split('\0', CommitsMax + 1).Where(entry => entry.Length >= 40).Take(CommitsMax).Select(entry => new CommitDetail(entry[..40], Cut(entry[40..])))];
    }

    private async Task<DiffStat> CompareAsync(WorktreePlace place, string from, string to, CancellationToken cancellationToken)
    {
        var output = await RunAsync(place, ["diff", "--shortstat", "--no-ext-diff", "--no-textconv", "--ignore-submodules=dirty", from, to, "--"], cancellationToken);
        return new(Number(Files(), output), Number(Insertions(), output), Number(Deletions(), output));
    }

    /// <summary>For people only: when git cannot say it (an index that an agent damaged, too many files for its time), the commits count all the same.</summary>
    private async Task<bool> IsDirtyAsync(WorktreePlace place, CancellationToken cancellationToken)
    {
        // A submodule's own configuration is the agent's: git must not go in there.
        var command = new GitCommand(place.AdminFolder, "status", "--porcelain", "-z", "--untracked-files=normal", "--ignore-submodules=dirty", "--no-renames")
        {
            WorkTree = place.Path,
            IsIsolated = true,
        };
        try
        {
            return (await git.RunAsync(command, cancellationToken)).Length > 0;
        }
        catch (ToolFailedException exception)
        {
            LogUnknown(place.TaskId, exception.Message);
            return false;
        }
    }

    private Task<string> RunAsync(WorktreePlace place, string[] arguments, CancellationToken cancellationToken) =>
        git.RunAsync(new(place.Mirror.Path, arguments) { IsIsolated = true }, cancellationToken);

    private static string Cut(string subject)
    {
        // The last entry of a cut list carries its followers behind a NUL.
        var text = subject.Split('\0')[0];
        if (text.Length <= SubjectCharsMax) return text;
        return text[..(char.IsHighSurrogate(text[SubjectCharsMax - 1]) ? SubjectCharsMax - 1 : SubjectCharsMax)];
    }

    private static int Number(Regex pattern, string text) => pattern.Match(text) is { Success: true } match ? int.Parse(match.Groups["number"].ValueSpan, CultureInfo.InvariantCulture) : 0;

    [LoggerMessage(LogLevel.Warning, "Whether task {TaskId} left work uncommitted is not known: {Reason}")]
    private partial void LogUnknown(string taskId, string reason);

    [GeneratedRegex(@"(?<number>\d+) files? changed", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex Files();

    [GeneratedRegex(@"(?<number>\d+) insertions?\(\+\)", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex Insertions();

    [GeneratedRegex(@"(?<number>\d+) deletions?\(-\)", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex Deletions();
}
