using Orchestrator.Silo.Machines.Cleanup;
using Orchestrator.Silo.Machines.Git;
using Orchestrator.Testing;

namespace Orchestrator.Silo.Tests.Machines.Git;

public sealed class RemoveTests : IDisposable
{
    private readonly GitHome _home = new();

    public void Dispose() => _home.Dispose();

    [Fact]
    public async Task The_folder_goes_and_the_branch_stays()
    {
        var worktree = await _home.PreparedAsync("t1");
        var commit = _home.Commit(worktree.Path, "a.txt", "a\n", "Add a");
        Assert.Null(await _home.RemoveAsync(worktree, "t1"));
        Assert.False(Directory.Exists(worktree.Path));
        Assert.False(Directory.Exists(_home.Mirror.AdminFolder("t1")));
        Assert.Equal(commit, _home.InMirror("rev-parse", "task/t1"));
        Assert.Equal(commit, _home.InMirror("rev-parse", "refs/orchestrator/salvage/t1/1.1"));
        Assert.Null(await _home.RemoveAsync(worktree, "t1"));
    }

    [Fact]
    public async Task Uncommitted_work_is_saved_on_top_of_what_was_committed()
    {
        var worktree = await _home.PreparedAsync("t1");
        var commit = _home.Commit(worktree.Path, "a.txt", "a\n", "Add a");
        GitHome.Write(Path.Combine(worktree.Path, "a.txt"), "changed\n");
        GitHome.Write(Path.Combine(worktree.Path, "deep", "new file.txt"), "new\n");
        GitHome.Write(Path.Combine(worktree.Path, "staged.txt"), "staged\n");
        _home.Git(worktree.Path, "add", "staged.txt");
        File.Delete(Path.Combine(worktree.Path, "README.md"));
        Assert.Null(await _home.RemoveAsync(worktree, "t1"));
        Assert.Equal(["t1/1.1"], _home.SalvageRefs());
        Assert.Equal(("changed", "new", "staged"), (_home.Salvaged("t1/1.1", "a.txt"), _home.Salvaged("t1/1.1", "deep/new file.txt"), _home.Salvaged("t1/1.1", "staged.txt")));
        Assert.Equal(commit, _home.InMirror("rev-parse", "refs/orchestrator/salvage/t1/1.1^"));
        Assert.DoesNotContain("README.md", _home.InMirror("ls-tree", "--name-only", "refs/orchestrator/salvage/t1/1.1"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Commits_on_no_branch_are_saved()
    {
        var worktree = await _home.PreparedAsync("t1");
        _home.Git(worktree.Path, "checkout", "-q", "--detach");
        var commit = _home.Commit(worktree.Path, "a.txt", "a\n", "Add a");
        GitHome.Write(Path.Combine(worktree.Path, "b.txt"), "b\n");
        Assert.Null(await _home.RemoveAsync(worktree, "t1"));
        Assert.Equal(commit, _home.InMirror("rev-parse", "refs/orchestrator/salvage/t1/1.1^"));
        Assert.Equal("b", _home.Salvaged("t1/1.1", "b.txt"));
    }

    [Fact]
    public async Task When_work_cannot_be_saved_nothing_is_removed_and_the_agents_index_is_untouched()
    {
        var worktree = await _home.PreparedAsync("t1");
        GitHome.Write(Path.Combine(worktree.Path, "b.txt"), "b\n");
        var index = await File.ReadAllBytesAsync(Path.Combine(_home.Mirror.AdminFolder("t1"), "index"));
        _home.Misbehave("""if [ "$sub" = update-ref ]; then echo 'fatal: disk broken' >&2; exit 128; fi""");
        var failure = await _home.RemoveAsync(worktree, "t1");
        Assert.Contains("was left as it is", failure!.Message, StringComparison.Ordinal);
        Assert.Equal("b\n", await File.ReadAllTextAsync(Path.Combine(worktree.Path, "b.txt")));
        Assert.Equal(index, await File.ReadAllBytesAsync(Path.Combine(_home.Mirror.AdminFolder("t1"), "index")));
        Assert.Empty(Directory.GetFiles(_home.Mirror.At("orchestrator", "salvage")));
        _home.Misbehave("");
        Assert.Null(await _home.RemoveAsync(worktree, "t1"));
        Assert.Equal("b", _home.Salvaged("t1/1.1", "b.txt"));
    }

    [Fact]
    public async Task A_removal_that_was_cut_short_goes_on_without_saving_what_it_removed_itself()
    {
        var worktree = await _home.PreparedAsync("t1");
        (WorktreeRecord.Read(_home.Mirror, "t1")! with { State = WorktreeState.Removing }).Write(_home.Mirror, "t1");
        File.Delete(Path.Combine(worktree.Path, "README.md"));
        Assert.Null(await _home.RemoveAsync(worktree, "t1"));
        Assert.False(Directory.Exists(worktree.Path));
        Assert.Empty(_home.SalvageRefs());
    }

    [Fact]
    public async Task A_task_can_be_prepared_anew_after_its_removal_and_its_commits_are_saved()
    {
        var worktree = await _home.PreparedAsync("t1");
        var commit = _home.Commit(worktree.Path, "a.txt", "a\n", "Add a");
        Assert.Null(await _home.RemoveAsync(worktree, "t1"));
        var newest = _home.Push("main", "b.txt", "b\n");
        var again = await _home.PreparedAsync(GitHome.Request("t1", run: 2));
        Assert.Equal(newest, again.BaseSha);
        Assert.Equal(commit, _home.InMirror("rev-parse", "refs/orchestrator/salvage/t1/1.1"));
    }

    [Fact]
    public async Task Links_are_not_followed_and_read_only_folders_are_no_obstacle()
    {
        var worktree = await _home.PreparedAsync("t1");
        var other = Directory.CreateDirectory(_home.At("other")).FullName;
        await File.WriteAllTextAsync(Path.Combine(other, "precious.txt"), "");
        Directory.CreateSymbolicLink(Path.Combine(worktree.Path, "link"), other);
        GitHome.Write(Path.Combine(worktree.Path, "cache", "inner", "file"), "");
        foreach (var folder in new[] { "cache/inner", "cache" }) ScratchFolder.SetMode(Path.Combine(worktree.Path, folder), UnixFileMode.UserRead | UnixFileMode.UserExecute);
        Assert.Null(await _home.RemoveAsync(worktree, "t1"));
        Assert.False(Directory.Exists(worktree.Path));
        Assert.True(File.Exists(Path.Combine(other, "precious.txt")));
    }

    [Fact]
    public async Task A_worktree_whose_mirror_is_gone_is_left()
    {
        var worktree = await _home.PreparedAsync("t1");
        Directory.Delete(_home.Mirror.Path, recursive: true);
        Assert.Contains("cannot be saved", (await _home.RemoveAsync(worktree, "t1"))!.Message, StringComparison.Ordinal);
        Assert.True(Directory.Exists(worktree.Path));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_folder_with_a_repository_inside_is_put_aside_not_deleted(bool hasCommit)
    {
        var worktree = await _home.PreparedAsync("t1");
        _home.Git(worktree.Path, "init", "-q", "inner");
        GitHome.Write(Path.Combine(worktree.Path, "b.txt"), "b\n");
        if (hasCommit) _home.Commit(Path.Combine(worktree.Path, "inner"), "precious.txt", "precious\n", "Inside");
        Assert.Null(await _home.RemoveAsync(worktree, "t1"));
        Assert.False(Directory.Exists(worktree.Path));
        Assert.Equal("b", _home.Salvaged("t1/1.1", "b.txt"));
        var aside = Assert.Single(_home.Get<Quarantine>().List(), entry => entry.Item.From == worktree.Path);
        Assert.True(Directory.Exists(Path.Combine(aside.Path, "t1", "inner", ".git")));
        Assert.Equal((false, "refs/orchestrator/salvage/t1/1.1"), (aside.Item.IsSaved, Assert.Single(aside.Item.SavedTo)));
    }
}
