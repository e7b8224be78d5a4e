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
