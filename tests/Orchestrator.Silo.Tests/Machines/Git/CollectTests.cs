using Orchestrator.Interfaces.AgentTasks;

namespace Orchestrator.Silo.Tests.Machines.Git;

public sealed class CollectTests : IDisposable
{
    private readonly GitHome _home = new();

    public void Dispose() => _home.Dispose();

    [Fact]
    public async Task Commits_come_oldest_first_with_what_they_changed()
    {
        var worktree = await _home.PreparedAsync("t1");
        var first = _home.Commit(worktree.Path, "a.txt", "1\n2\n3\n", "Add a – ü\n\nBody");
        File.Delete(Path.Combine(worktree.Path, "README.md"));
        var second = _home.Commit(worktree.Path, "b.txt", "b\n", "Add b");
        var report = await _home.CollectAsync(worktree, "t1");
        Assert.Equal([new CommitDetail(first, "Add a – ü"), new CommitDetail(second, "Add b")], report.Commits);
        Assert.Equal((2, new DiffStat(3, 4, 1), false, false, null, null), (report.CommitCount, report.Diff, report.IsDirty, report.IsLost, report.Failure, report.Branch));
    }

    [Fact]
    public async Task Nothing_done_is_nothing_counted()
    {
        var worktree = await _home.PreparedAsync("t1");
        var report = await _home.CollectAsync(worktree, "t1");
        Assert.Equal((0, new DiffStat(0, 0, 0), false, null), (report.CommitCount, report.Diff, report.IsDirty, report.Failure));
        Assert.Empty(report.Commits);
    }

    [Fact]
    public async Task Uncommitted_work_is_seen_but_not_the_agents_report()
    {
        var worktree = await _home.PreparedAsync("t1");
        GitHome.Write(Path.Combine(worktree.Path, ".orchestrator", "result.json"), "{}");
        Assert.False((await _home.CollectAsync(worktree, "t1")).IsDirty);
        GitHome.Write(Path.Combine(worktree.Path, "new.txt"), "");
        Assert.True((await _home.CollectAsync(worktree, "t1")).IsDirty);
    }

    [Fact]
    public async Task An_index_that_was_damaged_costs_the_word_about_uncommitted_work_and_no_more()
    {
        var worktree = await _home.PreparedAsync("t1");
        _home.Commit(worktree.Path, "a.txt", "a\n", "Add a");
        await File.WriteAllTextAsync(Path.Combine(_home.Mirror.AdminFolder("t1"), "index"), "no index");
        var report = await _home.CollectAsync(worktree, "t1");
        Assert.Equal((1, new DiffStat(1, 1, 0), false, false, null), (report.CommitCount, report.Diff, report.IsDirty, report.IsLost, report.Failure));
    }

    [Fact]
    public async Task Of_many_commits_the_oldest_hundred_are_named_and_all_are_counted()
    {
        var worktree = await _home.PreparedAsync("t1");
        var subject = new string('x', 499) + "😀";
        var tree = _home.Git(worktree.Path, "rev-parse", "HEAD^{tree}");
        var tip = worktree.BaseSha;
        foreach (var number in Enumerable.Range(1, 120)) tip = _home.Git(worktree.Path, "commit-tree", "-p", tip, "-m", number == 1 ? subject : $"Commit {number}", tree);
        _home.Git(worktree.Path, "reset", "-q", "--hard", tip);
        var report = await _home.CollectAsync(worktree, "t1");
        Assert.Equal((120, 100), (report.CommitCount, report.Commits.Count));
        Assert.Equal((new string('x', 499), "Commit 100"), (report.Commits[0].Message, report.Commits[99].Message));
    }

    [Fact]
    public async Task Work_on_another_branch_counts_when_there_is_more_of_it()
    {
        var worktree = await _home.PreparedAsync("t1");
        _home.Git(worktree.Path, "checkout", "-q", "-b", "my-idea");
        _home.Commit(worktree.Path, "a.txt", "a\n", "Add a");
        var report = await _home.CollectAsync(worktree, "t1");
        Assert.Equal((1, "my-idea"), (report.CommitCount, report.Branch));
        _home.Git(worktree.Path, "checkout", "-q", "task/t1");
        Assert.Equal((0, null), ((await _home.CollectAsync(worktree, "t1")) is var back ? back.CommitCount : -1, back.Branch));
        _home.Git(worktree.Path, "checkout", "-q", "--detach", "my-idea");
        var detached = await _home.CollectAsync(worktree, "t1");
        Assert.Equal((1, null), (detached.CommitCount, detached.Branch));
    }

    [Fact]
    public async Task A_worktree_that_is_gone_is_lost_but_its_commits_still_count()
    {
        var worktree = await _home.PreparedAsync("t1");
        _home.Commit(worktree.Path, "a.txt", "a\n", "Add a");
        Directory.Delete(worktree.Path, recursive: true);
        var report = await _home.CollectAsync(worktree, "t1");
        Assert.Equal((true, 1), (report.IsLost, report.CommitCount));
        Assert.Contains("gone", report.Failure!.Message, StringComparison.Ordinal);
        Directory.Delete(_home.Mirror.Path, recursive: true);
        Assert.True((await _home.CollectAsync(worktree, "t1")).IsLost);
    }

    [Fact]
    public async Task A_worktree_of_another_home_is_not_touched()
    {
        var worktree = await _home.PreparedAsync("t1");
        var foreign = worktree with { Path = _home.At("elsewhere") };
        Assert.Contains("ORCHESTRATOR_HOME", (await _home.CollectAsync(foreign, "t1")).Failure!.ManualSteps, StringComparison.Ordinal);
        Assert.NotNull(await _home.RemoveAsync(foreign, "t1"));
        Assert.True(Directory.Exists(worktree.Path));
    }
}
