using Orchestrator.Processes;
using Orchestrator.Testing;

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

    [Fact]
    public async Task A_lock_is_left_to_the_git_that_holds_it_and_taken_when_that_is_dead()
    {
        if (!OperatingSystem.IsLinux()) return;
        var worktree = await _home.PreparedAsync("t1");
        using var holder = Start(worktree.Path, "update-index", "--add", "--stdin");
        await UntilThereAsync(IndexLock);
        await _home.PreparedAsync(GitHome.Request("t1", attempt: 2));
        Assert.True(File.Exists(IndexLock));
        holder.Identity.Send(Signals.Kill);
        await holder.WaitForExitAsync().Within("the holder is dead");
        await _home.PreparedAsync(GitHome.Request("t1", attempt: 3));
        Assert.False(File.Exists(IndexLock));
    }

    [Theory]
    [InlineData(0, "cat-file", "--batch")]
    [InlineData(60, "hash-object", "--stdin-paths")]
    public async Task A_git_that_only_reads_or_that_began_later_holds_no_lock(int lockAgeSeconds, params string[] arguments)
    {
        if (!OperatingSystem.IsLinux()) return;
        var worktree = await _home.PreparedAsync("t1");
        using var other = Start(worktree.Path, arguments);
        var ended = other.WaitForExitAsync();
        File.WriteAllText(IndexLock, "");
        File.SetLastWriteTimeUtc(IndexLock, TimeProvider.System.GetUtcNow().UtcDateTime.AddSeconds(-lockAgeSeconds));
        await _home.PreparedAsync(GitHome.Request("t1", attempt: 2));
        Assert.False(File.Exists(IndexLock));
        Assert.False(ended.IsCompleted);
        other.Identity.Send(Signals.Kill);
        await ended.Within("the other git is dead");
    }

    private string IndexLock => Path.Combine(_home.Mirror.AdminFolder("t1"), "index.lock");

    /// <summary>A git that waits for its input.</summary>
    private static ChildProcess Start(string folder, params string[] arguments) => ChildProcess.Start(new()
    {
        Arguments = ["git", .. arguments],
        Environment = new Dictionary<string, string> { ["PATH"] = Environment.GetEnvironmentVariable("PATH")! },
        WorkingDirectory = folder,
        HasInput = true,
    });

    private static async Task UntilThereAsync(string path)
    {
        var startedAt = TimeProvider.System.GetTimestamp();
        while (!File.Exists(path))
        {
            if (TimeProvider.System.GetElapsedTime(startedAt) > TimeSpan.FromSeconds(60)) throw new TimeoutException($"After 60 s: {path} is there.");
            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System);
        }
    }
}
