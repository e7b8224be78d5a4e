namespace Orchestrator.Silo.Tests.Machines.Git;

public sealed class LockFileTests : IDisposable
{
    private readonly GitHome _home = new();

    public void Dispose() => _home.Dispose();

    [Fact]
    public async Task Locks_that_a_killed_agents_git_left_do_not_keep_a_worktree_from_letting_go_of_its_branch()
    {
        var worktree = await _home.PreparedAsync("t1");
        File.WriteAllText(Path.Combine(_home.Mirror.AdminFolder("t1"), "HEAD.lock"), "");
        File.WriteAllText(_home.Mirror.At("refs", "heads", "task", "t1.lock"), "");
        Assert.Null(await _home.KeepAsync(worktree, "t1"));
        Assert.Equal("HEAD", _home.Git(worktree.Path, "rev-parse", "--abbrev-ref", "HEAD"));
    }
}
