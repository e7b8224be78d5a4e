using Orchestrator.Interfaces.Machines;
using Orchestrator.Silo.Machines.Git;
using Orchestrator.Silo.Processes;
using Orchestrator.Testing;

namespace Orchestrator.Silo.Tests.Machines.Git;

public sealed class CrashTests : IDisposable
{
    private readonly GitHome _home = new();

    public void Dispose() => _home.Dispose();

    [Fact]
    public async Task An_intent_alone_is_carried_out()
    {
        await IntendAsync("t1");
        await MadeAsync("t1");
    }

    [Fact]
    public async Task A_half_made_folder_without_gits_entry_is_made_again()
    {
        await IntendAsync("t1");
        GitHome.Write(Path.Combine(_home.PathOf("t1"), ".git"), "gitdir: nowhere");
        await MadeAsync("t1");
    }

    [Fact]
    public async Task Gits_entry_without_a_folder_is_made_again()
    {
        await HalfMadeAsync("t1");
        Directory.Delete(_home.PathOf("t1"), recursive: true);
        await MadeAsync("t1");
    }

    [Fact]
    public async Task A_folder_whose_files_were_not_all_written_is_no_work_to_save()
    {
        await HalfMadeAsync("t1");
        File.Delete(Path.Combine(_home.Mirror.AdminFolder("t1"), "index"));
        File.Delete(Path.Combine(_home.PathOf("t1"), "README.md"));
        await File.WriteAllTextAsync(Path.Combine(_home.Mirror.AdminFolder("t1"), "index.lock"), "");
        await MadeAsync("t1");
        Assert.Empty(_home.SalvageRefs());
    }

    [Fact]
    public async Task An_entry_that_git_has_only_begun_is_made_again()
    {
        await HalfMadeAsync("t1");
        Directory.Delete(_home.PathOf("t1"), recursive: true);
        File.Delete(Path.Combine(_home.Mirror.AdminFolder("t1"), "index"));
        await File.WriteAllTextAsync(Path.Combine(_home.Mirror.AdminFolder("t1"), "HEAD"), new string('0', 40) + "\n");
        await MadeAsync("t1");
    }

    [Fact]
    public async Task A_branch_without_a_worktree_has_its_commits_saved()
    {
        var worktree = await _home.PreparedAsync("t1");
        var commit = _home.Commit(worktree.Path, "a.txt", "a\n", "Add a");
        Directory.Delete(worktree.Path, recursive: true);
        Directory.Delete(_home.Mirror.AdminFolder("t1"), recursive: true);
        File.Delete(_home.Mirror.RecordPath("t1"));
        await MadeAsync("t1");
        Assert.Equal(commit, _home.InMirror("rev-parse", "refs/orchestrator/salvage/t1/1.1"));
    }

    [Fact]
    public async Task Work_under_an_intent_whose_end_was_never_written_is_saved_first()
    {
        await HalfMadeAsync("t1");
        var commit = _home.Commit(_home.PathOf("t1"), "a.txt", "a\n", "Add a");
        GitHome.Write(Path.Combine(_home.PathOf("t1"), "b.txt"), "b\n");
        await MadeAsync("t1");
        Assert.Equal("b", _home.Salvaged("t1/1.1", "b.txt"));
        Assert.Equal(commit, _home.InMirror("rev-parse", "refs/orchestrator/salvage/t1/1.1^"));
        Assert.Equal("", _home.Git(_home.PathOf("t1"), "status", "--porcelain"));
    }

    [Fact]
    public async Task Work_that_cannot_be_saved_is_not_reset()
    {
        await HalfMadeAsync("t1");
        GitHome.Write(Path.Combine(_home.PathOf("t1"), "b.txt"), "b\n");
        _home.Misbehave("""if [ "$sub" = write-tree ]; then echo 'fatal: No space left on device' >&2; exit 128; fi""");
        var failure = await _home.RefusedAsync(GitHome.Request("t1"));
        Assert.Contains("disk was full", failure.Message, StringComparison.Ordinal);
        Assert.Equal("b\n", await File.ReadAllTextAsync(Path.Combine(_home.PathOf("t1"), "b.txt")));
    }

    [Fact]
    public async Task A_ready_worktree_that_is_gone_is_made_again_with_what_was_committed()
    {
        var worktree = await _home.PreparedAsync("t1");
        var commit = _home.Commit(worktree.Path, "a.txt", "a\n", "Add a");
        _home.Push("main", "newer.txt", "newer\n");
        Directory.Delete(worktree.Path, recursive: true);
        var report = await _home.PrepareAsync(GitHome.Request("t1", attempt: 2));
        Assert.Equal(worktree, report.Worktree);
        Assert.Contains("made again from branch task/t1", report.Note, StringComparison.Ordinal);
        Assert.Equal(commit, _home.Git(worktree.Path, "rev-parse", "HEAD"));
        Assert.Equal("a\n", await File.ReadAllTextAsync(Path.Combine(worktree.Path, "a.txt")));
    }

    [Fact]
    public async Task A_ready_worktree_without_gits_entry_has_its_files_saved_before_it_is_made_again()
    {
        var worktree = await _home.PreparedAsync("t1");
        GitHome.Write(Path.Combine(worktree.Path, "b.txt"), "b\n");
        Directory.Delete(_home.Mirror.AdminFolder("t1"), recursive: true);
        var report = await _home.PrepareAsync(GitHome.Request("t1", attempt: 2));
        Assert.Equal(worktree, report.Worktree);
        Assert.Equal("b", _home.Salvaged("t1/1.2", "b.txt"));
        Assert.Equal("", _home.Git(worktree.Path, "status", "--porcelain"));
    }

    [Fact]
    public async Task Locks_that_a_killed_agents_git_left_do_not_meet_the_next_attempt()
    {
        var worktree = await _home.PreparedAsync("t1");
        await File.WriteAllTextAsync(Path.Combine(_home.Mirror.AdminFolder("t1"), "index.lock"), "");
        await File.WriteAllTextAsync(_home.Mirror.At("refs", "heads", "task", "t1.lock"), "");
        await _home.PreparedAsync(GitHome.Request("t1", attempt: 2));
        _home.Commit(worktree.Path, "a.txt", "a\n", "Add a");
    }

    [Theory]
    [InlineData("t2", false)]
    [InlineData("t1", true)]
    public async Task A_lock_in_a_worktree_is_left_only_when_a_git_lives_in_that_worktree(string where, bool stays)
    {
        var worktree = await _home.PreparedAsync("t1");
        await _home.PreparedAsync("t2");
        var lockFile = Path.Combine(_home.Mirror.AdminFolder("t1"), "index.lock");
        using var cancellation = new CancellationTokenSource();
        var runner = new ToolRunner(TimeProvider.System);
        // A git that waits for its input. The pipe is closed as soon as it lives.
        var alive = _home.At("alive");
        await runner.RunAsync(new("mkfifo", [alive]), default);
        var git = runner.RunAsync(new("sh", ["-c", $"(echo start; sleep 300) | git update-ref --stdin | (read answer; : > '{alive}'; cat)"]) { WorkingDirectory = _home.PathOf(where) }, cancellation.Token);
        await File.ReadAllTextAsync(alive, cancellation.Token).Within("the git lives");
        await File.WriteAllTextAsync(lockFile, "");
        await _home.Worktrees.UnlockAsync(new("t1", 1, 2), worktree, default);
        Assert.Equal(stays, File.Exists(lockFile));
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => git);
        await _home.Worktrees.UnlockAsync(new("t1", 1, 2), worktree, default);
        Assert.False(File.Exists(lockFile));
    }

    [Fact]
    public async Task A_git_file_that_was_removed_is_put_back()
    {
        var worktree = await _home.PreparedAsync("t1");
        File.Delete(Path.Combine(worktree.Path, ".git"));
        await _home.PreparedAsync(GitHome.Request("t1", attempt: 2));
        _home.Commit(worktree.Path, "a.txt", "a\n", "Add a");
    }

    [Fact]
    public async Task A_folder_that_is_not_ours_is_put_aside_not_deleted()
    {
        GitHome.Write(Path.Combine(_home.PathOf("t1"), "precious.txt"), "precious\n");
        var report = await _home.PrepareAsync(GitHome.Request("t1"));
        Assert.Contains("not ours", report.Note, StringComparison.Ordinal);
        var aside = Assert.Single(Directory.GetDirectories(_home.Home.QuarantinePath));
        Assert.True(File.Exists(Path.Combine(aside, "t1", "precious.txt")));
    }

    [Fact]
    public async Task A_link_in_the_folders_place_is_removed_and_not_followed()
    {
        await _home.PreparedAsync("t0");
        var other = Directory.CreateDirectory(_home.At("other")).FullName;
        await File.WriteAllTextAsync(Path.Combine(other, "precious.txt"), "");
        Directory.CreateSymbolicLink(_home.PathOf("t1"), other);
        await MadeAsync("t1");
        Assert.True(File.Exists(Path.Combine(other, "precious.txt")));
    }

    [Fact]
    public async Task On_a_full_disk_the_branch_that_git_leaves_goes_too()
    {
        await _home.PreparedAsync("t0");
        _home.Misbehave($"""if [ "$sub" = worktree ]; then git "$@"; rm -rf '{_home.PathOf("t1")}'; echo 'error: unable to write file a: No space left on device' >&2; exit 128; fi""");
        var failure = await _home.RefusedAsync(GitHome.Request("t1"));
        Assert.Contains("The disk was full", failure.Message, StringComparison.Ordinal);
        Assert.Contains("Free disk space", failure.ManualSteps, StringComparison.Ordinal);
        Assert.Equal("task/t0", _home.InMirror("for-each-ref", "--format=%(refname:strip=2)", "refs/heads/"));
        Assert.False(Directory.Exists(_home.PathOf("t1")));
        Assert.False(Directory.Exists(_home.Mirror.AdminFolder("t1")));
        _home.Misbehave("");
        await MadeAsync("t1");
    }

    [Fact]
    public async Task Killed_at_any_moment_it_is_made_by_the_next_call()
    {
        var clone = _home.At("many");
        _home.Git("/", "clone", "-q", _home.RemotePath(), clone);
        foreach (var number in Enumerable.Range(1, 300)) GitHome.Write(Path.Combine(clone, $"d{number % 7}", $"f{number}.txt"), $"{number}\n");
        _home.Git(clone, "add", "-A");
        _home.Git(clone, "commit", "-q", "-m", "Many files");
        _home.Git(clone, "push", "-q");
        var tip = (await _home.PreparedAsync("t0")).BaseSha;
        var runner = new ToolRunner(TimeProvider.System);
        foreach (var number in Enumerable.Range(1, 25))
        {
            // What a killed service leaves: its intent, and what git had done of it.
            new WorktreeRecord(WorktreeState.Making, $"task/t{number}", "main", tip).Write(_home.Mirror, $"t{number}");
            using var kill = new CancellationTokenSource(TimeSpan.FromMilliseconds(number * 4), TimeProvider.System);
            try
            {
                string[] add = ["-c", "worktree.useRelativePaths=false", "--git-dir=" + _home.Mirror.Path, "worktree", "add", "--quiet", "--detach", "--no-checkout", "--", _home.PathOf($"t{number}"), tip];
                await runner.RunAsync(new("git", add), kill.Token);
                string[] place = ["--git-dir=" + _home.Mirror.AdminFolder($"t{number}"), "--work-tree=" + _home.PathOf($"t{number}")];
                await runner.RunAsync(new("git", [.. place, "symbolic-ref", "HEAD", $"refs/heads/task/t{number}"]), kill.Token);
                await runner.RunAsync(new("git", [.. place, "reset", "--hard", "--quiet", tip]), kill.Token);
            }
            catch (OperationCanceledException)
            {
                // Killed with its children, it has cleaned up nothing.
            }

            _home.Restart();
            await MadeAsync($"t{number}");
        }

        Assert.Empty(_home.SalvageRefs());
        Assert.Equal("", _home.InMirror("fsck", "--no-dangling", "--connectivity-only"));
    }

    [Fact]
    public async Task Cancelled_at_any_moment_it_leaves_nothing_or_is_made()
    {
        await _home.PreparedAsync("t0");
        foreach (var number in Enumerable.Range(1, 10))
        {
            using var cancellation = new CancellationTokenSource(TimeSpan.FromMilliseconds(number * 8), TimeProvider.System);
            try
            {
                await _home.Worktrees.PrepareAsync(GitHome.Request($"t{number}"), cancellation.Token);
            }
            catch (OperationCanceledException)
            {
                Assert.False(Directory.Exists(_home.PathOf($"t{number}")));
                Assert.False(Directory.Exists(_home.Mirror.AdminFolder($"t{number}")));
                Assert.False(File.Exists(_home.Mirror.RecordPath($"t{number}")));
            }

            await MadeAsync($"t{number}");
        }

        Assert.Empty(_home.SalvageRefs());
    }

    private async Task MadeAsync(string taskId)
    {
        var worktree = await _home.PreparedAsync(taskId);
        Assert.Equal("", _home.Git(worktree.Path, "status", "--porcelain"));
        Assert.Equal(worktree.BaseSha, _home.Git(worktree.Path, "rev-parse", "task/" + taskId));
        Assert.Equal(WorktreeState.Ready, WorktreeRecord.Read(_home.Mirror, taskId)!.State);
    }

    private async Task<Worktree> IntendAsync(string taskId)
    {
        var other = await _home.PreparedAsync("other");
        new WorktreeRecord(WorktreeState.Making, "task/" + taskId, "main", other.BaseSha).Write(_home.Mirror, taskId);
        return other;
    }

    private async Task HalfMadeAsync(string taskId)
    {
        await _home.PreparedAsync(taskId);
        (WorktreeRecord.Read(_home.Mirror, taskId)! with { State = WorktreeState.Making }).Write(_home.Mirror, taskId);
    }
}
