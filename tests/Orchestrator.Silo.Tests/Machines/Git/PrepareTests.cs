namespace Orchestrator.Silo.Tests.Machines.Git;

public sealed class PrepareTests : IDisposable
{
    private readonly GitHome _home = new();

    public void Dispose() => _home.Dispose();

    [Fact]
    public async Task A_task_gets_a_branch_of_its_own_at_the_newest_commit_of_the_default_branch()
    {
        var newest = _home.Push("main", "a.txt", "a\n");
        var report = await _home.PrepareAsync(GitHome.Request("t1"));
        var worktree = report.Worktree!;
        Assert.Equal((GitHome.Repository, _home.PathOf("t1"), "task/t1", "main", newest), (worktree.Repository, worktree.Path, worktree.Branch, worktree.BaseBranch, worktree.BaseSha));
        Assert.Null(report.Note);
        Assert.Equal("a\n", await File.ReadAllTextAsync(Path.Combine(worktree.Path, "a.txt")));
        Assert.Equal("task/t1", _home.Git(worktree.Path, "symbolic-ref", "--short", "HEAD"));
        Assert.Equal("", _home.Git(worktree.Path, "status", "--porcelain"));
    }

    [Fact]
    public async Task A_base_branch_is_taken_from_the_remote()
    {
        var develop = _home.Push("develop", "d.txt", "d\n");
        var worktree = await _home.PreparedAsync(GitHome.Request("t1", baseBranch: "develop"));
        Assert.Equal(("develop", develop), (worktree.BaseBranch, worktree.BaseSha));
    }

    [Fact]
    public async Task A_new_default_branch_is_noticed()
    {
        await _home.PreparedAsync("t1");
        var asked = _home.Calls("ls-remote");
        await _home.PreparedAsync("t2");
        Assert.Equal(asked, _home.Calls("ls-remote"));
        _home.Push("trunk", "t.txt", "t\n");
        _home.Git(_home.RemotePath(), "symbolic-ref", "HEAD", "refs/heads/trunk");
        Assert.Equal("trunk", (await _home.PreparedAsync("t3")).BaseBranch);
    }

    [Fact]
    public async Task A_remote_whose_head_points_nowhere_has_its_only_branch_as_default()
    {
        _home.Git(_home.RemotePath(), "symbolic-ref", "HEAD", "refs/heads/nowhere");
        Assert.Equal("main", (await _home.PreparedAsync("t1")).BaseBranch);
        Assert.Equal("main", (await _home.PreparedAsync("t2")).BaseBranch);
        _home.Push("other", "x", "x");
        Assert.Contains("no default branch", (await _home.RefusedAsync(GitHome.Request("t3"))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_second_attempt_gets_the_same_worktree_with_the_work_in_it_untouched()
    {
        var first = await _home.PreparedAsync("t1");
        var commit = _home.Commit(first.Path, "done.txt", "done\n", "Do it");
        GitHome.Write(Path.Combine(first.Path, "half.txt"), "half\n");
        _home.Push("main", "newer.txt", "newer\n");
        _home.Restart();
        var report = await _home.PrepareAsync(GitHome.Request("t1", attempt: 2));
        Assert.Equal(first, report.Worktree);
        Assert.Null(report.Note);
        Assert.Equal(commit, _home.Git(first.Path, "rev-parse", "HEAD"));
        Assert.Equal("half\n", await File.ReadAllTextAsync(Path.Combine(first.Path, "half.txt")));
        Assert.Empty(_home.SalvageRefs());
    }

    [Fact]
    public async Task A_continuation_goes_on_at_the_tip_of_its_branch()
    {
        var tip = _home.Push("feature/x", "x.txt", "x\n");
        var worktree = await _home.PreparedAsync(GitHome.Request("t1", continuation: "feature/x"));
        Assert.Equal(("feature/x", "main", tip), (worktree.Branch, worktree.BaseBranch, worktree.BaseSha));
    }

    [Fact]
    public async Task A_continuation_saves_commits_of_its_branch_that_were_never_pushed()
    {
        _home.Push("feature/x", "x.txt", "x\n");
        var first = await _home.PreparedAsync(GitHome.Request("t1", continuation: "feature/x"));
        var commit = _home.Commit(first.Path, "local.txt", "local\n", "Not pushed");
        Assert.Null(await _home.RemoveAsync(first, "t1"));
        var second = await _home.PrepareAsync(GitHome.Request("t2", continuation: "feature/x", run: 3, attempt: 2));
        Assert.Contains("refs/orchestrator/salvage/t1/1.1", second.Note, StringComparison.Ordinal);
        Assert.Equal(commit, _home.InMirror("rev-parse", "refs/orchestrator/salvage/t1/1.1"));
        Assert.Equal(second.Worktree!.BaseSha, _home.Git(second.Worktree.Path, "rev-parse", "HEAD"));
    }

    [Fact]
    public async Task A_branch_that_another_task_works_on_blocks_whoever_wants_it_too()
    {
        _home.Push("feature/x", "x.txt", "x\n");
        await _home.PreparedAsync(GitHome.Request("t1", continuation: "feature/x"));
        var report = await _home.PrepareAsync(GitHome.Request("t2", continuation: "feature/x"));
        Assert.Equal(("t1", null, null), (report.BlockedBy, report.Worktree, report.Failure));
        Directory.Delete(_home.PathOf("t1"), recursive: true);
        await _home.PreparedAsync(GitHome.Request("t2", continuation: "feature/x"));
    }

    [Fact]
    public async Task A_worktree_that_is_kept_lets_go_of_its_branch_and_keeps_all_that_is_in_it()
    {
        _home.Push("feature/x", "x.txt", "x\n");
        var first = await _home.PreparedAsync(GitHome.Request("t1", continuation: "feature/x"));
        var commit = _home.Commit(first.Path, "local.txt", "local\n", "Not pushed");
        File.WriteAllText(Path.Combine(first.Path, "dirty.txt"), "dirty");
        Assert.Null(await _home.KeepAsync(first, "t1"));
        Assert.Equal((commit, "HEAD"), (_home.Git(first.Path, "rev-parse", "HEAD"), _home.Git(first.Path, "rev-parse", "--abbrev-ref", "HEAD")));
        Assert.Equal("?? dirty.txt", _home.Git(first.Path, "status", "--porcelain"));
        var second = await _home.PreparedAsync(GitHome.Request("t2", continuation: "feature/x"));
        Assert.Equal("feature/x", _home.Git(second.Path, "rev-parse", "--abbrev-ref", "HEAD"));
        Assert.Equal(commit, _home.Git(first.Path, "rev-parse", "HEAD"));
        Assert.Null(await _home.KeepAsync(first, "t1"));
    }

    [Fact]
    public async Task A_missing_branch_is_named()
    {
        var missing = await _home.RefusedAsync(GitHome.Request("t1", baseBranch: "nope"));
        Assert.Contains("Branch nope does not exist in repository acme/web", missing.Message, StringComparison.Ordinal);
        Assert.NotNull(missing.ManualSteps);
        Assert.Contains("Branch gone", (await _home.RefusedAsync(GitHome.Request("t2", continuation: "gone"))).Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_home.PathOf("t1")));
    }

    [Fact]
    public async Task A_missing_repository_is_named_and_leaves_nothing_behind()
    {
        var failure = await _home.RefusedAsync(GitHome.Request("t1", repository: "acme/none"));
        Assert.Contains("Repository acme/none was not found", failure.Message, StringComparison.Ordinal);
        Assert.NotNull(failure.ManualSteps);
        Assert.Empty(Directory.GetDirectories(Path.Combine(_home.Home.RepositoriesPath, "~making")));
        Assert.False(Directory.Exists(Path.Combine(_home.Home.RepositoriesPath, "acme", "none.git")));
    }

    [Fact]
    public async Task An_unreachable_remote_is_a_failure_without_its_credentials()
    {
        _home.UrlTemplate = "http://user:hunter2@127.0.0.1:1/{repository}.git";
        _home.Restart();
        var failure = await _home.RefusedAsync(GitHome.Request("t1"));
        Assert.Contains("acme/web", failure.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", failure.ToString(), StringComparison.Ordinal);
        Assert.NotNull(failure.ManualSteps);
    }

    [Fact]
    public async Task A_repository_without_a_branch_is_a_failure_that_says_so()
    {
        Directory.CreateDirectory(_home.RemotePath("acme/empty"));
        _home.Git(_home.RemotePath("acme/empty"), "init", "-q", "--bare");
        Assert.Contains("no branch at all", (await _home.RefusedAsync(GitHome.Request("t1", repository: "acme/empty"))).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--upload-pack=touch /tmp/x", null, "t1", "acme/web")]
    [InlineData(null, "-x", "t1", "acme/web")]
    [InlineData("a..b", null, "t1", "acme/web")]
    [InlineData("a/../../b", null, "t1", "acme/web")]
    [InlineData("main@{1}", null, "t1", "acme/web")]
    [InlineData("main\n", null, "t1", "acme/web")]
    [InlineData("$(id)", null, "t1", "acme/web")]
    [InlineData("x.lock", null, "t1", "acme/web")]
    [InlineData(null, null, "../t1", "acme/web")]
    [InlineData(null, null, "t1\n", "acme/web")]
    [InlineData(null, null, "-t1", "acme/web")]
    [InlineData(null, null, "t1", "acme/..")]
    [InlineData(null, null, "t1", "../web")]
    [InlineData(null, null, "t1", "acme")]
    [InlineData(null, null, "t1", "~making/web")]
    public async Task A_name_that_breaks_its_rule_is_a_callers_bug(string? baseBranch, string? continuation, string taskId, string repository)
    {
        var request = GitHome.Request(taskId, baseBranch, continuation, repository: repository);
        await Assert.ThrowsAsync<ArgumentException>(() => _home.Worktrees.PrepareAsync(request, default));
        Assert.Equal(0, _home.Calls("fetch"));
    }

    [Fact]
    public async Task Twenty_four_tasks_at_once_get_twenty_four_worktrees_and_fewer_fetches()
    {
        var requests = Enumerable.Range(1, 24).Select(number => GitHome.Request($"t{number}")).ToList();
        var reports = await Task.WhenAll(requests.Select(_home.PrepareAsync));
        Assert.All(reports, report => Assert.True(report.Failure is null && report.Note is null, report.Failure?.Message ?? report.Note));
        Assert.Equal(24, reports.Select(report => report.Worktree!.Path).Distinct().Count(path => File.Exists(Path.Combine(path, "README.md"))));
        Assert.Equal(1, _home.Calls("fetch"));
    }

    [Fact]
    public async Task The_agent_can_commit_with_plain_git_though_the_user_has_no_name()
    {
        var worktree = await _home.PreparedAsync("t1");
        Assert.Contains("name = Orchestrator", Silo.Machines.Git.MirrorSettings.Config("x", hasIdentity: false), StringComparison.Ordinal);
        Assert.DoesNotContain("[user]", Silo.Machines.Git.MirrorSettings.Config("x", hasIdentity: true), StringComparison.Ordinal);
        GitHome.Write(Path.Combine(worktree.Path, ".orchestrator", "result.json"), "{}");
        _home.Commit(worktree.Path, "a.txt", "a\n", "Add a");
        Assert.Equal("a.txt", _home.Git(worktree.Path, "show", "--format=", "--name-only"));
        _home.Git(worktree.Path, "push", "-q");
        Assert.Equal(_home.Git(worktree.Path, "rev-parse", "HEAD"), _home.Git(_home.RemotePath(), "rev-parse", "task/t1"));
    }
}
