using Orchestrator.Interfaces.Machines;
using Orchestrator.Processes;
using Orchestrator.Silo.Machines.Git;
using Orchestrator.Silo.Processes;
using Orchestrator.Testing;
using Orchestrator.Testing.Service;

namespace Orchestrator.Silo.Tests.Machines.Git;

/// <summary>The files of a worktree are written outside of the repository's lock: what others may do meanwhile, and what they may not.</summary>
public sealed class CheckoutTests : IDisposable
{
    private readonly GitHome _home = new();

    private string Begun => _home.At("begun");

    private string Go => _home.At("go");

    public void Dispose()
    {
        // Nothing may be left waiting.
        File.WriteAllText(Go, "");
        _home.Dispose();
    }

    [Fact]
    public async Task Others_are_made_while_one_is_being_written()
    {
        var slow = await BeginAsync(GitHome.Request("t1"));
        await _home.PreparedAsync("t2");
        Assert.False(slow.IsCompleted);
        File.WriteAllText(Go, "");
        await WholeAsync("t1", (await slow).Worktree!);
    }

    [Fact]
    public async Task A_branch_is_taken_while_it_is_being_written()
    {
        _home.Push("feature/x", "x.txt", "x\n");
        var slow = await BeginAsync(GitHome.Request("t1", continuation: "feature/x"));
        Assert.Equal("t1", (await _home.PrepareAsync(GitHome.Request("t2", continuation: "feature/x"))).BlockedBy);
        File.WriteAllText(Go, "");
        var worktree = (await slow).Worktree!;
        Assert.Equal("feature/x", _home.Git(worktree.Path, "branch", "--show-current"));
        Assert.Equal("t1", (await _home.PrepareAsync(GitHome.Request("t2", continuation: "feature/x"))).BlockedBy);
    }

    [Fact]
    public async Task An_agent_cannot_take_a_branch_that_is_being_written()
    {
        _home.Push("feature/x", "x.txt", "x\n");
        var other = await _home.PreparedAsync("t2");
        _home.Git(other.Path, "branch", "feature/x", "origin/feature/x");
        var slow = await BeginAsync(GitHome.Request("t1", continuation: "feature/x"));
        Assert.Throws<ToolFailedException>(() => _home.Git(other.Path, "switch", "-q", "feature/x"));
        File.WriteAllText(Go, "");
        Assert.Equal("feature/x", _home.Git((await slow).Worktree!.Path, "branch", "--show-current"));
    }

    [Fact]
    public async Task A_task_that_is_sent_again_waits_for_the_one_that_goes_on_with_its_branch()
    {
        var first = await PushedAsync("t1");
        Assert.Null(await _home.Worktrees.RemoveAsync(GitHome.Session("t1"), first, default));
        var second = await _home.PreparedAsync(GitHome.Request("t2", continuation: "task/t1"));
        var commit = _home.Commit(second.Path, "b.txt", "b\n", "Add b");
        Assert.Equal("t2", (await _home.PrepareAsync(GitHome.Request("t1", run: 2))).BlockedBy);
        Assert.Equal(commit, _home.InMirror("rev-parse", "refs/heads/task/t1"));
        Assert.Equal("", _home.Git(second.Path, "status", "--porcelain"));
    }

    [Fact]
    public async Task A_worktree_that_was_damaged_is_not_made_again_onto_a_branch_that_another_task_has()
    {
        var first = await PushedAsync("t1");
        Assert.Null(await _home.Worktrees.KeepAsync(GitHome.Session("t1"), first, default));
        var second = await _home.PreparedAsync(GitHome.Request("t2", continuation: "task/t1"));
        Directory.Delete(first.Path, recursive: true);
        var commit = _home.Commit(second.Path, "b.txt", "b\n", "Add b");
        Assert.Equal("t2", (await _home.PrepareAsync(GitHome.Request("t1", attempt: 2))).BlockedBy);
        Assert.Equal(commit, _home.InMirror("rev-parse", "refs/heads/task/t1"));
    }

    [Fact]
    public async Task A_branch_that_an_agent_rebases_stays_where_it_is()
    {
        _home.Push("feature/x", "README.md", "mine\n");
        var first = await _home.PreparedAsync(GitHome.Request("t1", continuation: "feature/x"));
        var tip = _home.Commit(first.Path, "a.txt", "a\n", "Add a");
        _home.Push("main", "README.md", "theirs\n");
        _home.Git(first.Path, "fetch", "-q");
        Assert.Throws<ToolFailedException>(() => _home.Git(first.Path, "rebase", "-q", "origin/main"));
        Assert.Equal("", _home.Git(first.Path, "branch", "--show-current"));
        var report = await _home.PrepareAsync(GitHome.Request("t2", continuation: "feature/x"));
        Assert.Null(report.Worktree);
        Assert.Equal(tip, _home.InMirror("rev-parse", "refs/heads/feature/x"));
    }

    [Fact]
    public async Task Whoever_asks_for_the_same_task_waits_until_it_is_written()
    {
        var slow = await BeginAsync(GitHome.Request("t1"));
        var found = _home.Worktrees.FindAsync(GitHome.Session("t1"), GitHome.Repository, default);
        var again = _home.PrepareAsync(GitHome.Request("t1", attempt: 2));
        // Were they let in, they would clear what is half made: others are let in.
        await _home.PreparedAsync("t2");
        File.WriteAllText(Go, "");
        var worktree = (await slow).Worktree;
        Assert.Equal(worktree, (await found.Within("it is found")).Worktree);
        Assert.Equal(worktree, (await again).Worktree);
        await WholeAsync("t1", worktree!);
    }

    [Fact]
    public async Task One_that_cannot_be_written_leaves_nothing()
    {
        await _home.PreparedAsync("t0");
        _home.Misbehave("""if [ "$sub" = reset ]; then printf 'error: unable to write file README.md\nfatal: Could not reset index file to revision\n' >&2; exit 128; fi""");
        var failure = await _home.RefusedAsync(GitHome.Request("t1"));
        Assert.Contains("Free disk space", failure.ManualSteps, StringComparison.Ordinal);
        Assert.Equal("task/t0", _home.InMirror("for-each-ref", "--format=%(refname:strip=2)", "refs/heads/"));
        Assert.False(Directory.Exists(_home.PathOf("t1")));
        Assert.False(Directory.Exists(_home.Mirror.AdminFolder("t1")));
        _home.Misbehave("");
        await WholeAsync("t1", await _home.PreparedAsync("t1"));
    }

    [Fact]
    public async Task One_that_is_cancelled_while_it_is_written_leaves_nothing()
    {
        using var cancellation = new CancellationTokenSource();
        var slow = await BeginAsync(GitHome.Request("t1"), cancellationToken: cancellation.Token);
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => slow.Within("it is cancelled"));
        Assert.False(Directory.Exists(_home.PathOf("t1")));
        Assert.False(Directory.Exists(_home.Mirror.AdminFolder("t1")));
        Assert.False(File.Exists(_home.Mirror.RecordPath("t1")));
        Assert.Equal("", _home.InMirror("for-each-ref", "--format=%(refname:strip=2)", "refs/heads/"));
    }

    [Fact]
    public async Task One_that_is_cancelled_does_not_wait_for_anothers_fetch_and_is_cleared_later()
    {
        using var cancellation = new CancellationTokenSource();
        var hangs = _home.At("hangs");
        var slow = await BeginAsync(GitHome.Request("t1"), $"if [ \"$sub\" = fetch ] && [ -e '{Begun}' ]; then touch '{hangs}'; until [ -e '{Go}' ] || [ ! -e '{Begun}' ]; do sleep 0.02; done; fi", cancellation.Token);
        var other = _home.PrepareAsync(GitHome.Request("t2"));
        await Eventually.IsTrueAsync(() => File.Exists(hangs), "t2 fetches");
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => slow.Within("it is cancelled"));
        Assert.False(other.IsCompleted);
        File.WriteAllText(Go, "");
        Assert.NotNull((await other).Worktree);
        Assert.Null((await _home.Worktrees.FindAsync(GitHome.Session("t1"), GitHome.Repository, default)).Worktree);
        Assert.False(Directory.Exists(_home.PathOf("t1")));
        Assert.False(Directory.Exists(_home.Mirror.AdminFolder("t1")));
        Assert.Equal("task/t2", _home.InMirror("for-each-ref", "--format=%(refname:strip=2)", "refs/heads/"));
    }

    [Fact]
    public async Task A_git_that_a_killed_service_left_at_it_does_not_take_the_branch_from_another_task()
    {
        if (!OperatingSystem.IsLinux()) return;
        await _home.PreparedAsync("t0");
        _home.Push("feature/x", ".gitattributes", "*.txt filter=slow\n");
        _home.Push("feature/x", "x.txt", "x\n");
        _home.InMirror("fetch", "-q");
        var tip = _home.InMirror("rev-parse", "refs/remotes/origin/feature/x");
        new WorktreeRecord(WorktreeState.Making, "feature/x", "main", tip).Write(_home.Mirror, "t1");
        _home.InMirror("worktree", "add", "--quiet", "--detach", "--no-checkout", "--", _home.PathOf("t1"), tip);
        _home.InMirror("--git-dir=" + _home.Mirror.AdminFolder("t1"), "symbolic-ref", "HEAD", "refs/heads/feature/x");
        using var orphan = ChildProcess.Start(new()
        {
            Arguments =
            [
                "git", "-c", $"filter.slow.smudge=touch '{Begun}'; until [ -e '{Go}' ] || [ ! -e '{Begun}' ]; do sleep 0.02; done; cat", "--git-dir=" + _home.Mirror.AdminFolder("t1"), "--work-tree=" + _home.PathOf("t1"),
                "reset", "--hard", "--quiet", tip,
            ],
            Environment = new Dictionary<string, string> { ["PATH"] = Environment.GetEnvironmentVariable("PATH")!, ["HOME"] = _home.At("nobody") },
            WorkingDirectory = _home.Mirror.Path,
        });
        var ended = orphan.WaitForExitAsync();
        await Eventually.IsTrueAsync(() => File.Exists(Begun), "git writes a file");
        _home.Restart();
        var worktree = await _home.PreparedAsync(GitHome.Request("t2", continuation: "feature/x"));
        Assert.False((await ended.Within("the orphan ends")).IsSuccess);
        Assert.Equal("feature/x", _home.Git(worktree.Path, "branch", "--show-current"));
        Assert.Equal("t2", (await _home.PrepareAsync(GitHome.Request("t1", continuation: "feature/x"))).BlockedBy);
    }

    /// <summary>A worktree whose agent has committed and pushed its branch.</summary>
    private async Task<Worktree> PushedAsync(string taskId)
    {
        var worktree = await _home.PreparedAsync(taskId);
        _home.Commit(worktree.Path, "a.txt", "a\n", "Add a");
        _home.Git(worktree.Path, "push", "-q", "origin", "task/" + taskId);
        return worktree;
    }

    /// <summary>Begins to prepare, and waits until git writes files; it goes on when <see cref="Go"/> is there.</summary>
    private async Task<Task<WorktreeReport>> BeginAsync(WorktreeRequest request, string misbehaviour = "", CancellationToken cancellationToken = default)
    {
        _home.Misbehave($$"""
            {{misbehaviour}}
            case "$sub:$*" in reset:*/worktrees/{{request.Session.TaskId}}\ *) touch '{{Begun}}'; until [ -e '{{Go}}' ] || [ ! -e '{{Begun}}' ]; do sleep 0.02; done;; esac
            """);
        var preparing = _home.Worktrees.PrepareAsync(request, cancellationToken);
        await Eventually.IsTrueAsync(() => File.Exists(Begun), "git writes files");
        return preparing;
    }

    private async Task WholeAsync(string taskId, Worktree worktree)
    {
        Assert.Equal("", _home.Git(worktree.Path, "status", "--porcelain"));
        Assert.Equal("task/" + taskId, _home.Git(worktree.Path, "branch", "--show-current"));
        Assert.Equal(worktree, await _home.PreparedAsync(GitHome.Request(taskId, attempt: 9)));
        Assert.Empty(_home.SalvageRefs());
    }
}
