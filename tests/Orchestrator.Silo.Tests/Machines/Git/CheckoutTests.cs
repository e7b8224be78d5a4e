using Orchestrator.Interfaces.Machines;
using Orchestrator.Processes;
using Orchestrator.Silo.Machines.Git;
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
        _home.Misbehave("""if [ "$sub" = checkout ]; then echo 'error: unable to create file README.md: No space left on device' >&2; exit 128; fi""");
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
        var slow = await BeginAsync(GitHome.Request("t1"), cancellation.Token);
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => slow.Within("it is cancelled"));
        Assert.False(Directory.Exists(_home.PathOf("t1")));
        Assert.False(Directory.Exists(_home.Mirror.AdminFolder("t1")));
        Assert.False(File.Exists(_home.Mirror.RecordPath("t1")));
        Assert.Equal("", _home.InMirror("for-each-ref", "--format=%(refname:strip=2)", "refs/heads/"));
    }

    /// <summary>Git comes to the branch last: until then only our record says that it will.</summary>
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
        using var orphan = ChildProcess.Start(new()
        {
            Arguments =
            [
                "git", "-c", $"filter.slow.smudge=touch '{Begun}'; until [ -e '{Go}' ]; do sleep 0.02; done; cat", "--git-dir=" + _home.Mirror.AdminFolder("t1"), "--work-tree=" + _home.PathOf("t1"),
                "checkout", "--quiet", "--force", "-B", "feature/x",
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

    /// <summary>Begins to prepare, and waits until git writes files; it goes on when <see cref="Go"/> is there.</summary>
    private async Task<Task<WorktreeReport>> BeginAsync(WorktreeRequest request, CancellationToken cancellationToken = default)
    {
        _home.Misbehave($$"""
            case "$sub:$*" in checkout:*/worktrees/{{request.Session.TaskId}}\ *) touch '{{Begun}}'; until [ -e '{{Go}}' ]; do sleep 0.02; done;; esac
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
