using System.Text;
using Orchestrator.Processes;
using Orchestrator.Silo.Machines.Git;
using Orchestrator.Testing;

namespace Orchestrator.Silo.Tests.Machines.Git;

/// <summary>Neither a cancelled task nor a killed service leaves anything that stands in another task's way.</summary>
public sealed class LeftoverTests : IDisposable
{
    private readonly GitHome _home = new();

    public void Dispose() => _home.Dispose();

    [Fact]
    public async Task A_cancelled_preparation_leaves_neither_folder_nor_entry_nor_branch()
    {
        _home.Push("feature/x", "x.txt", "x\n");
        await _home.PreparedAsync("t0");
        var made = _home.At("made");
        _home.Misbehave($"""if [ "$sub" = worktree ]; then git "$@"; : > '{made}'; exec sleep 600; fi""");
        using var cancellation = new CancellationTokenSource();
        var preparing = _home.Worktrees.PrepareAsync(GitHome.Request("t1", continuation: "feature/x"), cancellation.Token);
        await UntilAsync(() => File.Exists(made), "git has made the worktree");
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => preparing.Within("the preparation ends"));
        Assert.False(Directory.Exists(_home.PathOf("t1")));
        Assert.False(Directory.Exists(_home.Mirror.AdminFolder("t1")));
        Assert.Null(WorktreeRecord.Read(_home.Mirror, "t1"));
        Assert.Equal("task/t0", _home.InMirror("for-each-ref", "--format=%(refname:strip=2)", "refs/heads/"));
        _home.Misbehave("");
        await _home.PreparedAsync(GitHome.Request("t2", continuation: "feature/x"));
    }

    [Theory]
    [InlineData("Making")]
    [InlineData("Removing")]
    public async Task A_worktree_that_a_killed_service_left_half_made_or_half_removed_does_not_hold_its_branch(string state)
    {
        var tip = _home.Push("feature/x", "x.txt", "x\n");
        var left = await _home.PreparedAsync(GitHome.Request("t1", continuation: "feature/x"));
        (WorktreeRecord.Read(_home.Mirror, "t1")! with { State = Enum.Parse<WorktreeState>(state) }).Write(_home.Mirror, "t1");
        File.WriteAllText(Path.Combine(_home.Mirror.AdminFolder("t1"), "HEAD.lock"), "");
        File.WriteAllText(Path.Combine(left.Path, "half.txt"), "half");
        _home.Restart();
        var next = await _home.PreparedAsync(GitHome.Request("t2", continuation: "feature/x"));
        Assert.Equal("feature/x", _home.Git(next.Path, "rev-parse", "--abbrev-ref", "HEAD"));
        Assert.Equal(("HEAD", tip), (_home.Git(left.Path, "rev-parse", "--abbrev-ref", "HEAD"), _home.Git(left.Path, "rev-parse", "HEAD")));
        Assert.Equal("half", File.ReadAllText(Path.Combine(left.Path, "half.txt")));
        Assert.Equal("t2", (await _home.PrepareAsync(GitHome.Request("t1", continuation: "feature/x"))).BlockedBy);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_git_that_a_killed_service_left_at_work_is_ended_before_its_place_is_cleared(bool isParentKilled)
    {
        if (!OperatingSystem.IsLinux()) return;
        await _home.PreparedAsync("t0");
        var clone = _home.At("many");
        _home.Git("/", "clone", "-q", _home.RemotePath(), clone);
        GitHome.Write(Path.Combine(clone, ".gitattributes"), "*.txt filter=slow\n");
        foreach (var number in Enumerable.Range(1, 300)) GitHome.Write(Path.Combine(clone, $"f{number:000}.txt"), $"{number}\n");
        _home.Git(clone, "add", "-A");
        _home.Git(clone, "commit", "-q", "-m", "Many files");
        _home.Git(clone, "push", "-q");
        var tip = _home.Git(clone, "rev-parse", "HEAD");
        _home.InMirror("fetch", "-q");
        new WorktreeRecord(WorktreeState.Making, "task/t1", "main", tip).Write(_home.Mirror, "t1");
        using var orphan = ChildProcess.Start(new()
        {
            Arguments = ["git", "-c", "filter.slow.smudge=sleep 0.2; cat", "--git-dir=" + _home.Mirror.Path, "worktree", "add", "--quiet", "-B", "task/t1", "--", _home.PathOf("t1"), tip],
            Environment = new Dictionary<string, string> { ["PATH"] = Environment.GetEnvironmentVariable("PATH")!, ["HOME"] = _home.At("nobody") },
            WorkingDirectory = _home.Mirror.Path,
        });
        var ended = orphan.WaitForExitAsync();
        await UntilAsync(() => Directory.Exists(_home.PathOf("t1")) && Directory.GetFiles(_home.PathOf("t1"), "*.txt").Length > 0, "git has written a file");
        if (isParentKilled) orphan.Identity.Send(Signals.Kill);
        _home.Restart();
        var worktree = await _home.PreparedAsync("t1");
        await ended.Within("the orphan ends");
        Assert.DoesNotContain(ProcessTable.ReadAll(), process => !process.IsEnded && ProcessTable.HasVariable(process.Pid, Encoding.UTF8.GetBytes("GIT_WORK_TREE=" + worktree.Path)));
        Assert.Equal("", _home.Git(worktree.Path, "status", "--porcelain"));
        Assert.Equal(tip, _home.Git(worktree.Path, "rev-parse", "HEAD"));
        Assert.Empty(_home.SalvageRefs());
    }

    [Fact]
    public async Task A_worktree_that_could_not_be_made_again_goes_on_from_its_commits_later()
    {
        var worktree = await _home.PreparedAsync("t1");
        var commit = _home.Commit(worktree.Path, "a.txt", "a\n", "Add a");
        Directory.Delete(worktree.Path, recursive: true);
        _home.Misbehave("""if [ "$sub" = worktree ]; then echo 'fatal: No space left on device' >&2; exit 128; fi""");
        await _home.RefusedAsync(GitHome.Request("t1", attempt: 2));
        _home.Misbehave("");
        Assert.Equal(worktree, await _home.PreparedAsync(GitHome.Request("t1", attempt: 3)));
        Assert.Equal(commit, _home.Git(worktree.Path, "rev-parse", "HEAD"));
    }

    private static async Task UntilAsync(Func<bool> isSo, string what)
    {
        var startedAt = TimeProvider.System.GetTimestamp();
        while (!isSo())
        {
            if (TimeProvider.System.GetElapsedTime(startedAt) > TimeSpan.FromSeconds(60)) throw new TimeoutException($"After 60 s: {what}.");
            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System);
        }
    }
}
