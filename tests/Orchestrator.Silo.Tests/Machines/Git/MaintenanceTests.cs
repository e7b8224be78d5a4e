using Microsoft.Extensions.Logging.Abstractions;
using Orchestrator.Silo.Machines.Cleanup;
using Orchestrator.Silo.Machines.Git;
using Orchestrator.Testing;

namespace Orchestrator.Silo.Tests.Machines.Git;

public sealed class MaintenanceTests : IDisposable
{
    private readonly GitHome _home = new();

    public void Dispose() => _home.Dispose();

    [Fact]
    public async Task A_mirror_with_many_loose_objects_is_packed_and_nothing_is_pruned()
    {
        var worktree = await _home.PreparedAsync("t1");
        var amended = _home.Commit(worktree.Path, "a.txt", "first\n", "First");
        _home.Git(worktree.Path, "commit", "-q", "--amend", "-m", "Other words");
        var clock = new ManualClock(TimeProvider.System.GetUtcNow());
        var maintenance = new MirrorMaintenance(
            _home.Get<StrayWorktrees>(), _home.Get<GitRepositories>(), _home.Get<GitLockFiles>(), _home.Get<MirrorSettings>(), clock, NullLogger<MirrorMaintenance>.Instance);
        await maintenance.RunAsync(new SweepRun(isDryRun: false, isClockSound: true, () => false), default);
        Assert.False(File.Exists(_home.Mirror.At("packed-refs")));

        var sample = Directory.CreateDirectory(_home.Mirror.At("objects", "17")).FullName;
        foreach (var number in Enumerable.Range(0, 30)) await File.WriteAllTextAsync(Path.Combine(sample, $"{number:x38}"), "");
        var run = new SweepRun(isDryRun: false, isClockSound: true, () => false);
        await maintenance.RunAsync(run, default);
        Assert.Empty(run.Troubles);
        Assert.Contains("refs/heads/task/t1", await File.ReadAllTextAsync(_home.Mirror.At("packed-refs")), StringComparison.Ordinal);
        Assert.Equal("commit", _home.InMirror("cat-file", "-t", amended));
        Assert.NotEmpty(Directory.GetFiles(_home.Mirror.At("objects", "pack"), "*.pack"));

        // What is on no ref stays loose: that is no reason to pack again, ten minutes later.
        var half = _home.Mirror.At("objects", "pack", "tmp_pack_half");
        await File.WriteAllTextAsync(half, "half");
        var calls = _home.Calls("repack");
        await maintenance.RunAsync(run, default);
        Assert.Equal((calls, true), (_home.Calls("repack"), File.Exists(half)));
        foreach (var number in Enumerable.Range(100, 30)) await File.WriteAllTextAsync(Path.Combine(sample, $"{number:x38}"), "");
        _home.Misbehave("""if [ "$sub" = repack ]; then exit 1; fi""");
        clock.Advance(TimeSpan.FromDays(2));
        await maintenance.RunAsync(run, default);
        await maintenance.RunAsync(run, default);
        Assert.Equal((calls + 1, 1, false), (_home.Calls("repack"), run.Troubles.Count, File.Exists(half)));
        _home.Misbehave("");
        clock.Advance(TimeSpan.FromHours(2));
        await maintenance.RunAsync(run, default);
        Assert.Equal(calls + 2, _home.Calls("repack"));
        _home.Commit(worktree.Path, "b.txt", "b\n", "Goes on");
        Assert.Equal(2, (await _home.CollectAsync(worktree, "t1")).CommitCount);
    }
}
