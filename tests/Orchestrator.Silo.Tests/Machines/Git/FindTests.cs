using Orchestrator.Silo.Machines.Git;
using Orchestrator.Testing;

namespace Orchestrator.Silo.Tests.Machines.Git;

/// <summary>Worktrees that were made, or half made, when the service died, and whose task ended without ever hearing of them.</summary>
public sealed class FindTests : IDisposable
{
    private readonly GitHome _home = new();

    public void Dispose() => _home.Dispose();

    [Fact]
    public async Task Nothing_is_found_where_nothing_was_made()
    {
        await NothingIsFoundAsync("t1");
        await _home.PreparedAsync("t0");
        await NothingIsFoundAsync("t1");
        Assert.True(Directory.Exists(_home.PathOf("t0")));
    }

    [Fact]
    public async Task A_worktree_that_was_made_is_found_as_it_is_and_goes_as_any_other()
    {
        _home.Push("feature", "f.txt", "f\n");
        var worktree = await _home.PreparedAsync(GitHome.Request("t1", continuation: "feature"));
        GitHome.Write(Path.Combine(worktree.Path, "b.txt"), "b\n");
        _home.Restart();
        var report = await FindAsync("t1");
        Assert.Equal((worktree, null), (report.Worktree, report.Failure));
        Assert.Equal("t1", (await _home.PrepareAsync(GitHome.Request("t2", continuation: "feature"))).BlockedBy);
        Assert.Null(await _home.RemoveAsync(worktree, "t1"));
        Assert.Equal("b", _home.Salvaged("t1/1.1", "b.txt"));
        await NothingIsFoundAsync("t1");
        await _home.PreparedAsync(GitHome.Request("t2", continuation: "feature"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_worktree_that_was_never_ready_is_removed_and_holds_no_branch(bool hasRecord)
    {
        _home.Push("feature", "f.txt", "f\n");
        await _home.PreparedAsync(GitHome.Request("t1", continuation: "feature"));
        if (hasRecord) (WorktreeRecord.Read(_home.Mirror, "t1")! with { State = WorktreeState.Making }).Write(_home.Mirror, "t1");
        else WorktreeRecord.Remove(_home.Mirror, "t1");
        GitHome.Write(Path.Combine(_home.PathOf("t1"), "b.txt"), "b\n");
        await NothingIsFoundAsync("t1");
        Assert.False(Directory.Exists(_home.PathOf("t1")));
        Assert.Equal("b", _home.Salvaged("t1/1.1", "b.txt"));
        await NothingIsFoundAsync("t1");
        await _home.PreparedAsync(GitHome.Request("t2", continuation: "feature"));
    }

    [Fact]
    public async Task Git_that_has_only_begun_leaves_nothing_behind()
    {
        await _home.PreparedAsync("t1");
        (WorktreeRecord.Read(_home.Mirror, "t1")! with { State = WorktreeState.Making }).Write(_home.Mirror, "t1");
        File.Delete(Path.Combine(_home.Mirror.AdminFolder("t1"), "index"));
        File.Delete(Path.Combine(_home.PathOf("t1"), "README.md"));
        await NothingIsFoundAsync("t1");
        Assert.False(Directory.Exists(_home.PathOf("t1")));
        Assert.False(Directory.Exists(_home.Mirror.AdminFolder("t1")));
        Assert.Empty(_home.SalvageRefs());
    }

    [Fact]
    public async Task What_cannot_be_saved_stays_and_is_told_of()
    {
        await _home.PreparedAsync("t1");
        (WorktreeRecord.Read(_home.Mirror, "t1")! with { State = WorktreeState.Making }).Write(_home.Mirror, "t1");
        GitHome.Write(Path.Combine(_home.PathOf("t1"), "b.txt"), "b\n");
        _home.Misbehave("""if [ "$sub" = write-tree ]; then echo 'fatal: No space left on device' >&2; exit 128; fi""");
        Assert.Contains("disk was full", (await FindAsync("t1")).Failure!.Message, StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(_home.PathOf("t1"), "b.txt")));
        _home.Misbehave("");
        await NothingIsFoundAsync("t1");
    }

    private Task<Interfaces.Machines.WorktreeReport> FindAsync(string taskId) =>
        _home.Worktrees.FindAsync(GitHome.Session(taskId), GitHome.Repository, default).Within($"{taskId} is looked for");

    private async Task NothingIsFoundAsync(string taskId)
    {
        var report = await FindAsync(taskId);
        Assert.Equal((null, null), (report.Worktree, report.Failure?.Message));
    }
}
