using Orchestrator.Processes;
using Orchestrator.Silo.Machines.Cleanup;
using Orchestrator.Silo.Machines.Git;

namespace Orchestrator.Silo.Tests.Machines.Git;

/// <summary>Agents make worktrees of their own in our mirrors (<c>git worktree add</c>; Claude Code's subagents do): they are the agent's as long as it lives.</summary>
public sealed class AgentWorktreeTests : IDisposable
{
    private const string Inside = ".claude/worktrees/sub";
    private readonly GitHome _home = new();

    public void Dispose() => _home.Dispose();

    [Theory]
    [InlineData(Inside)]
    [InlineData("../sub")]
    public async Task A_living_agents_own_worktree_keeps_its_branch_and_is_never_removed(string where)
    {
        _home.Push("feature/x", "x.txt", "x\n");
        var worktree = await _home.PreparedAsync("t1");
        _home.Git(worktree.Path, "worktree", "add", "-q", "-B", "feature/x", where, "origin/feature/x");
        var own = Path.GetFullPath(where, worktree.Path);
        var commit = _home.Commit(own, "own.txt", "own\n", "Not pushed");
        using (Alive("t1"))
            Assert.Equal("t1", (await _home.PrepareAsync(GitHome.Request("t2", continuation: "feature/x"))).BlockedBy);
        Assert.Equal("feature/x", _home.Git(own, "rev-parse", "--abbrev-ref", "HEAD"));

        // When nobody is left, others go on with the branch, and what was there stays.
        var next = await _home.PreparedAsync(GitHome.Request("t2", continuation: "feature/x"));
        Assert.Equal("feature/x", _home.Git(next.Path, "rev-parse", "--abbrev-ref", "HEAD"));
        Assert.Equal(("HEAD", commit), (_home.Git(own, "rev-parse", "--abbrev-ref", "HEAD"), _home.Git(own, "rev-parse", "HEAD")));
    }

    [Fact]
    public async Task An_entry_whose_folder_is_gone_holds_no_branch()
    {
        _home.Push("feature/x", "x.txt", "x\n");
        var worktree = await _home.PreparedAsync("t1");
        _home.Git(worktree.Path, "worktree", "add", "-q", "-B", "feature/x", Inside, "origin/feature/x");
        Directory.Delete(Path.Combine(worktree.Path, Inside), recursive: true);
        using var alive = Alive("t1");
        await _home.PreparedAsync(GitHome.Request("t2", continuation: "feature/x"));
        Assert.False(Directory.Exists(_home.Mirror.AdminFolder("sub")));
    }

    [Fact]
    public async Task What_git_keeps_of_a_folder_elsewhere_counts_as_unsaved()
    {
        var worktree = await _home.PreparedAsync("t1");
        _home.Git(worktree.Path, "worktree", "add", "-q", Inside);
        var strays = _home.Get<StrayWorktrees>();
        Assert.Equal((true, false), (strays.IsOurs("t1"), strays.IsOurs("sub")));
        Assert.Equal((null, Path.Combine(worktree.Path, Inside)), (strays.FindElsewhere("t1"), strays.FindElsewhere("sub")));
        await strays.PutAsideAsync("sub", "A test wants it.", () => Task.FromResult(true), default);
        Assert.False(Assert.Single(_home.Get<Quarantine>().List()).Item.IsSaved);
    }

    [Fact]
    public async Task What_has_got_a_task_while_the_lock_was_waited_for_stays()
    {
        var worktree = await _home.PreparedAsync("t1");
        var isAsked = false;
        Assert.Null(await _home.Get<StrayWorktrees>().PutAsideAsync("t1", "A test wants it.", () => Task.FromResult(!(isAsked = true)), default));
        Assert.True(isAsked && Directory.Exists(worktree.Path) && Directory.Exists(_home.Mirror.AdminFolder("t1")));
    }

    [Fact]
    public async Task What_stands_where_a_worktree_was_and_is_no_folder_counts_as_unsaved()
    {
        var worktree = await _home.PreparedAsync("t1");
        Directory.Delete(worktree.Path, recursive: true);
        await File.WriteAllTextAsync(worktree.Path, "a person's");
        var aside = await _home.Get<StrayWorktrees>().PutAsideAsync("t1", "A test wants it.", () => Task.FromResult(true), default);
        Assert.Equal("a person's", await File.ReadAllTextAsync(aside!));
        Assert.All(_home.Get<Quarantine>().List(), entry => Assert.False(entry.Item.IsSaved));
    }

    private FileLock? Alive(string taskId)
    {
        var session = Path.Combine(_home.Home.SessionsPath, taskId, "1.1");
        Directory.CreateDirectory(session);
        return FileLock.TryAcquire(Path.Combine(session, "lock"), TimeSpan.Zero);
    }
}
