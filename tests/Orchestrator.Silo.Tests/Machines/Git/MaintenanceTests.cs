using Microsoft.Extensions.Logging.Abstractions;
using Orchestrator.Silo.Machines.Cleanup;
using Orchestrator.Silo.Machines.Git;

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
        var maintenance = new MirrorMaintenance(
            _home.Get<StrayWorktrees>(), _home.Get<GitRepositories>(), _home.Get<GitLockFiles>(), _home.Get<MirrorSettings>(), NullLogger<MirrorMaintenance>.Instance);
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
        _home.Commit(worktree.Path, "b.txt", "b\n", "Goes on");
        Assert.Equal(2, (await _home.CollectAsync(worktree, "t1")).CommitCount);
    }
}
