using Orchestrator.Testing;

namespace Orchestrator.Silo.Tests.Machines.Git;

public sealed class FetchTests : IDisposable
{
    private readonly GitHome _home = new();

    public void Dispose() => _home.Dispose();

    [Fact]
    public async Task A_fetch_serves_all_tasks_that_were_accepted_before_it_began()
    {
        var accepted = TimeProvider.System.GetUtcNow();
        await _home.PreparedAsync("t1");
        await _home.PreparedAsync(GitHome.Request("t2", acceptedAt: accepted));
        Assert.Equal(1, _home.Calls("fetch"));
        await _home.PreparedAsync("t3");
        Assert.Equal(2, _home.Calls("fetch"));
    }

    [Fact]
    public async Task A_task_that_is_prepared_again_fetches_nothing()
    {
        await _home.PreparedAsync("t1");
        await _home.PreparedAsync("t1");
        Assert.Equal(1, _home.Calls("fetch"));
    }

    [Fact]
    public async Task A_failed_fetch_is_noted_when_the_base_is_there()
    {
        var first = await _home.PreparedAsync("t1");
        Directory.Move(_home.RemotePath(), _home.RemotePath() + ".away");
        var second = await _home.PrepareAsync(GitHome.Request("t2"));
        Assert.Equal(first.BaseSha, second.Worktree!.BaseSha);
        Assert.Contains("The fetch failed", second.Note, StringComparison.Ordinal);
        Assert.Contains("acme/web", second.Note, StringComparison.Ordinal);
        var failure = await _home.RefusedAsync(GitHome.Request("t3", baseBranch: "unseen"));
        Assert.Contains("was not found", failure.Message, StringComparison.Ordinal);
        Directory.Move(_home.RemotePath() + ".away", _home.RemotePath());
        Assert.Null((await _home.PrepareAsync(GitHome.Request("t4"))).Note);
    }

    [Fact]
    public async Task One_failed_fetch_is_the_answer_to_all_who_waited_for_it()
    {
        await _home.PreparedAsync("t0");
        var (started, go) = (_home.At("started"), _home.At("go"));
        _home.Misbehave($"""if [ "$sub" = fetch ]; then : > '{started}'; while [ ! -e '{go}' ]; do sleep 0.05; done; echo 'fatal: Could not resolve host: example.org' >&2; exit 128; fi""");
        var requests = Enumerable.Range(1, 6).Select(number => GitHome.Request($"t{number}")).ToList();
        var waiting = requests.Select(_home.PrepareAsync).ToList();
        await File.WriteAllTextAsync(go, "");
        var reports = await Task.WhenAll(waiting);
        Assert.All(reports, report => Assert.Contains("cannot be reached", report.Note, StringComparison.Ordinal));
        Assert.Equal(2, _home.Calls("fetch"));
        Assert.Contains("cannot be reached", (await _home.PrepareAsync(GitHome.Request("t9"))).Note, StringComparison.Ordinal);
        Assert.Equal(3, _home.Calls("fetch"));
    }

    [Fact]
    public async Task A_hanging_fetch_is_ended_at_its_deadline_and_holds_up_no_other_repository()
    {
        _home.CreateRemote("acme/other");
        _home.Options.FetchTimeout = TimeSpan.FromSeconds(4);
        _home.Restart();
        var started = _home.At("started");
        _home.Misbehave($"""if [ "$sub" = fetch ]; then case "$*" in *acme+web*) : > '{started}'; sleep 300 & wait;; esac; fi""");
        var hanging = _home.PrepareAsync(GitHome.Request("t1"));
        await _home.PreparedAsync(GitHome.Request("t2", repository: "acme/other"));
        Assert.False(hanging.IsCompleted);
        var failure = (await hanging.Within("the hanging fetch is ended")).Failure!;
        Assert.Contains("git fetch of acme/web took too long", failure.Message, StringComparison.Ordinal);
        _home.Misbehave("");
        await _home.PreparedAsync("t1");
    }

    [Fact]
    public async Task A_fetch_that_prunes_deletes_neither_branches_of_tasks_nor_salvage_refs()
    {
        _home.Push("short-lived", "s.txt", "s\n");
        var worktree = await _home.PreparedAsync("t1");
        _home.Commit(worktree.Path, "a.txt", "a\n", "Add a");
        _home.InMirror("update-ref", "refs/orchestrator/salvage/t1/1.1", worktree.BaseSha);
        Assert.Contains("short-lived", _home.InMirror("branch", "-r"), StringComparison.Ordinal);
        _home.Git(_home.RemotePath(), "branch", "-D", "short-lived");
        await _home.PreparedAsync("t2");
        Assert.DoesNotContain("short-lived", _home.InMirror("branch", "-r"), StringComparison.Ordinal);
        Assert.NotEqual(worktree.BaseSha, _home.InMirror("rev-parse", "task/t1"));
        Assert.Equal(["t1/1.1"], _home.SalvageRefs());
    }

    [Fact]
    public async Task A_mirror_that_was_half_made_is_made_again()
    {
        Directory.CreateDirectory(Path.Combine(_home.Home.RepositoriesPath, "~making", "acme+web.git", "objects"));
        await _home.PreparedAsync("t1");
    }

    [Fact]
    public async Task A_damaged_mirror_is_put_aside_not_deleted()
    {
        await _home.PreparedAsync("t1");
        File.Delete(Path.Combine(_home.Mirror.Path, "HEAD"));
        await _home.PreparedAsync("t2");
        var aside = Assert.Single(Directory.GetDirectories(_home.Home.QuarantinePath));
        Assert.True(Directory.Exists(Path.Combine(aside, "web.git", "objects")));
    }

    [Fact]
    public async Task Lock_files_of_a_killed_git_are_no_obstacle()
    {
        await _home.PreparedAsync("t1");
        _home.Push("main", "a.txt", "a\n");
        await File.WriteAllTextAsync(Path.Combine(_home.Mirror.Path, "refs", "remotes", "origin", "main.lock"), "");
        await File.WriteAllTextAsync(Path.Combine(_home.Mirror.Path, "packed-refs.lock"), "");
        var report = await _home.PrepareAsync(GitHome.Request("t2"));
        Assert.Null(report.Note);
        Assert.True(File.Exists(Path.Combine(report.Worktree!.Path, "a.txt")));
    }

    [Fact]
    public async Task A_lock_file_is_left_alone_while_a_git_lives_that_may_hold_it()
    {
        await _home.PreparedAsync("t1");
        _home.Push("main", "a.txt", "a\n");
        var lockFile = Path.Combine(_home.Mirror.Path, "refs", "remotes", "origin", "main.lock");
        using var cancellation = new CancellationTokenSource();
        var runner = new Silo.Processes.ToolRunner(TimeProvider.System);
        // A git that waits for its input, in the mirror. The pipe is closed as soon as it lives.
        var alive = _home.At("alive");
        await runner.RunAsync(new("mkfifo", [alive]), default);
        var holder = runner.RunAsync(new("sh", ["-c", $"(echo start; sleep 300) | git update-ref --stdin | (read answer; : > '{alive}'; cat)"]) { WorkingDirectory = _home.Mirror.Path }, cancellation.Token);
        await File.ReadAllTextAsync(alive, cancellation.Token).Within("the holder lives");
        await File.WriteAllTextAsync(lockFile, "");
        var report = await _home.PrepareAsync(GitHome.Request("t2"));
        Assert.Contains("The fetch failed", report.Note, StringComparison.Ordinal);
        Assert.True(File.Exists(lockFile));
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => holder);
        Assert.Null((await _home.PrepareAsync(GitHome.Request("t3"))).Note);
    }
}
