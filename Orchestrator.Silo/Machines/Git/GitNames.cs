using System.Text.RegularExpressions;
using Orchestrator.Interfaces.Machines;

namespace Orchestrator.Silo.Machines.Git;

/// <summary>
/// The rules of contract.md §2 for names that become path elements and arguments. The endpoint has refused others long before: here a bad one is a caller's bug.
/// </summary>
internal static partial class GitNames
{
    public static void Check(WorktreeRequest request)
    {
        Check(request.Session);
        CheckRepository(request.Repository);
        if (request.BaseBranch is not null) CheckBranch(request.BaseBranch);
        if (request.ContinuationBranch is not null) CheckBranch(request.ContinuationBranch);
    }

    public static void Check(SessionName session, Worktree worktree)
    {
        Check(session);
        CheckRepository(worktree.Repository);
        CheckBranch(worktree.Branch);
        if (!Sha().IsMatch(worktree.BaseSha)) throw new ArgumentException("The base is no commit id.", nameof(worktree));
    }

    public static void Check(SessionName session, string repository)
    {
        Check(session);
        CheckRepository(repository);
    }

    public static bool IsBranch(string name) =>
        BranchCharacters().IsMatch(name) && !name.Contains("..", StringComparison.Ordinal) && !name.Contains("//", StringComparison.Ordinal)
        && !name.EndsWith('/') && !name.EndsWith('.') && !name.Contains(".lock", StringComparison.Ordinal);

    private static void Check(SessionName session)
    {
        if (!TaskId().IsMatch(session.TaskId)) throw new ArgumentException("The task id breaks its rule.", nameof(session));
        if (session.Run < 1 || session.Attempt < 1) throw new ArgumentException("Runs and attempts count from 1.", nameof(session));
    }

    private static void CheckRepository(string repository)
    {
        if (!Repository().IsMatch(repository) || repository.Split('/').Any(part => part.All(character => character == '.')))
            throw new ArgumentException("The repository's name breaks its rule.", nameof(repository));
    }

    private static void CheckBranch(string branch)
    {
        if (!IsBranch(branch)) throw new ArgumentException("The branch's name breaks its rule.", nameof(branch));
    }

    [GeneratedRegex(@"^[A-Za-z0-9][A-Za-z0-9_-]{0,127}\z", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex TaskId();

    [GeneratedRegex(@"^[A-Za-z0-9._-]{1,100}/[A-Za-z0-9._-]{1,100}\z", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex Repository();

    // '@' is no character of a branch here, so that '@{' cannot occur. The longest one of ours is "task/" and a task id.
    [GeneratedRegex(@"^[A-Za-z0-9][A-Za-z0-9._/-]{0,199}\z", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex BranchCharacters();

    [GeneratedRegex(@"^[0-9a-f]{40}\z", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex Sha();
}
