using Orchestrator.Processes;
using Orchestrator.Silo.Machines.Cleanup;
using Orchestrator.Silo.Machines.Git;
using Orchestrator.Testing;
using Orchestrator.Testing.Service;

namespace Orchestrator.Silo.Tests.Machines.Git;

/// <summary>Whatever an agent leaves in its worktree is in a ref, or still on the disk, once the worktree is gone.</summary>
public sealed class SalvageTests : IDisposable
{
    private readonly GitHome _home = new();

    public void Dispose() => _home.Dispose();

    [Theory]
    [InlineData("--assume-unchanged")]
    [InlineData("--skip-worktree")]
    public async Task A_changed_file_that_git_was_told_to_pass_by_is_saved(string mark)
    {
        var worktree = await _home.PreparedAsync("t1");
        _home.Git(worktree.Path, "update-index", mark, "README.md");
        GitHome.Write(Path.Combine(worktree.Path, "README.md"), "changed\n");
        Assert.Null(await _home.RemoveAsync(worktree, "t1"));
        Assert.Equal("changed", _home.Salvaged("t1/1.1", "README.md"));
    }

    [Fact]
    public async Task A_changed_file_of_the_same_size_and_time_is_saved()
    {
        var worktree = await _home.PreparedAsync("t1");
        var file = Path.Combine(worktree.Path, "README.md");
        var time = File.GetLastWriteTimeUtc(file);
        // Git looks at the time of the inode's change, too, unless it is told not to.
        _home.Git(worktree.Path, "-c", "core.trustctime=false", "status");
        File.WriteAllText(file, "HELLO\n");
        File.SetLastWriteTimeUtc(file, time);
        Assert.Null(await _home.RemoveAsync(worktree, "t1"));
        Assert.Equal("HELLO", _home.Salvaged("t1/1.1", "README.md"));
    }

    [Fact]
    public async Task What_was_added_and_then_changed_again_is_saved_as_git_stash_does()
    {
        var worktree = await _home.PreparedAsync("t1");
        GitHome.Write(Path.Combine(worktree.Path, "a.txt"), "added\n");
        _home.Git(worktree.Path, "add", "a.txt");
        GitHome.Write(Path.Combine(worktree.Path, "a.txt"), "then changed\n");
        Assert.Null(await _home.RemoveAsync(worktree, "t1"));
        Assert.Equal(("then changed", "added"), (_home.Salvaged("t1/1.1", "a.txt"), _home.Salvaged("t1/1.1^2", "a.txt")));
    }

    [Fact]
    public async Task An_ignored_file_is_saved_only_when_it_was_added()
    {
        var worktree = await _home.PreparedAsync("t1");
        GitHome.Write(Path.Combine(worktree.Path, ".gitignore"), "*.log\nnode_modules/\n");
        GitHome.Write(Path.Combine(worktree.Path, "added.log"), "added\n");
        GitHome.Write(Path.Combine(worktree.Path, "other.log"), "other\n");
        GitHome.Write(Path.Combine(worktree.Path, "node_modules", "a", "index.js"), "1\n");
        _home.Git(worktree.Path, "add", "--force", "added.log");
        Assert.Null(await _home.RemoveAsync(worktree, "t1"));
        Assert.Equal([".gitignore", "README.md", "added.log"], _home.InMirror("ls-tree", "-r", "--name-only", "refs/orchestrator/salvage/t1/1.1").Split('\n'));
    }

    [Fact]
    public async Task Names_that_look_like_options_or_have_line_breaks_are_saved()
    {
        var worktree = await _home.PreparedAsync("t1");
        foreach (var name in (string[])["-rf", "--help", "two\nlines", "tab\there", "quote\"d", "ünï", ":(top)x", "a b "]) GitHome.Write(Path.Combine(worktree.Path, "d", name), name);
        Assert.Null(await _home.RemoveAsync(worktree, "t1"));
        Assert.Equal(8, _home.InMirror("ls-tree", "-r", "-z", "--name-only", "refs/orchestrator/salvage/t1/1.1:d").Split('\0', StringSplitOptions.RemoveEmptyEntries).Length);
        Assert.Equal("two\nlines", _home.Salvaged("t1/1.1", "d/two\nlines"));
    }

    [Fact]
    public async Task A_link_out_of_the_worktree_is_saved_as_a_link()
    {
        var worktree = await _home.PreparedAsync("t1");
        var outside = _home.At("outside");
        GitHome.Write(Path.Combine(outside, "precious.txt"), "precious\n");
        Directory.CreateSymbolicLink(Path.Combine(worktree.Path, "out"), outside);
        File.CreateSymbolicLink(Path.Combine(worktree.Path, "nowhere"), _home.At("nowhere"));
        Assert.Null(await _home.RemoveAsync(worktree, "t1"));
        Assert.Equal(outside, _home.Salvaged("t1/1.1", "out"));
        Assert.True(File.Exists(Path.Combine(outside, "precious.txt")));
    }

    [Fact]
    public async Task A_merge_with_conflicts_is_saved_as_it_stands()
    {
        var worktree = await _home.PreparedAsync("t1");
        _home.Git(worktree.Path, "checkout", "-q", "-b", "other");
        _home.Commit(worktree.Path, "README.md", "theirs\n", "Theirs");
        _home.Git(worktree.Path, "checkout", "-q", "task/t1");
        _home.Commit(worktree.Path, "README.md", "ours\n", "Ours");
        Assert.ThrowsAny<Exception>(() => _home.Git(worktree.Path, "merge", "-q", "other"));
        Assert.Null(await _home.RemoveAsync(worktree, "t1"));
        Assert.Contains("<<<<<<<", _home.Salvaged("t1/1.1", "README.md"), StringComparison.Ordinal);
        Assert.Equal("theirs", _home.InMirror("show", "other:README.md"));
    }

    [Fact]
    public async Task A_worktree_with_a_submodule_is_put_aside_with_the_submodules_repository()
    {
        var module = _home.At("module");
        _home.Git("/", "init", "-q", "-b", "main", module);
        _home.Commit(module, "m.txt", "m\n", "Begin");
        var worktree = await _home.PreparedAsync("t1");
        _home.Git(worktree.Path, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", module, "sub");
        _home.Git(worktree.Path, "commit", "-q", "-m", "Add a submodule");
        _home.Commit(Path.Combine(worktree.Path, "sub"), "m.txt", "never pushed\n", "In the submodule");
        Assert.Null(await _home.RemoveAsync(worktree, "t1"));
        Assert.False(Directory.Exists(worktree.Path));
        var entries = _home.Get<Quarantine>().List();
        Assert.All(entries, entry => Assert.False(entry.Item.IsSaved));
        var git = Assert.Single(entries, entry => Directory.Exists(Path.Combine(entry.Path, "t1", "modules")));
        Assert.Equal("never pushed", _home.Git("/", "--git-dir=" + Path.Combine(git.Path, "t1", "modules", "sub"), "--work-tree=" + _home.At(), "show", "HEAD:m.txt"));
        Assert.Contains(entries, entry => File.Exists(Path.Combine(entry.Path, "t1", "sub", "m.txt")));
    }

    [Fact]
    public async Task A_ref_that_cannot_be_read_back_keeps_the_worktree()
    {
        var worktree = await _home.PreparedAsync("t1");
        GitHome.Write(Path.Combine(worktree.Path, "b.txt"), "b\n");
        _home.Misbehave("""if [ "$sub" = update-ref ]; then exit 0; fi""");
        Assert.Contains("cannot be read back", (await _home.RemoveAsync(worktree, "t1"))!.Message, StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(worktree.Path, "b.txt")));
    }

    [Fact]
    public async Task What_is_saved_is_on_the_disk_before_the_folder_goes()
    {
        var worktree = await _home.PreparedAsync("t1");
        GitHome.Write(Path.Combine(worktree.Path, "b.txt"), "b\n");
        var notes = _home.At("fsync");
        _home.Misbehave($"""printf '%s\n' "$*" >> '{notes}'""");
        Assert.Null(await _home.RemoveAsync(worktree, "t1"));
        var writing = (await File.ReadAllLinesAsync(notes)).Where(line => ((string[])[" add ", " write-tree", " commit-tree ", " update-ref "]).Any(line.Contains)).ToList();
        Assert.True(writing.Count >= 4);
        Assert.All(writing, line => Assert.Matches("core.fsync=all|core.fsyncObjectFiles=true", line));
        Assert.Equal("b", _home.Salvaged("t1/1.1", "b.txt"));
    }

    [Fact]
    public async Task A_worktree_whose_session_lives_is_not_touched()
    {
        var worktree = await _home.PreparedAsync("t1");
        var session = Path.Combine(_home.Home.SessionsPath, "t1", "1.1");
        Directory.CreateDirectory(session);
        using (FileLock.TryAcquire(Path.Combine(session, "lock"), TimeSpan.Zero))
            Assert.Contains("session t1/1.1", (await _home.RemoveAsync(worktree, "t1"))!.Message, StringComparison.Ordinal);
        Assert.True(Directory.Exists(worktree.Path));
        Assert.Null(await _home.RemoveAsync(worktree, "t1"));
        Assert.False(Directory.Exists(worktree.Path));
    }

    [Fact]
    public async Task A_worktree_in_which_a_process_of_a_session_lives_is_not_touched()
    {
        if (!OperatingSystem.IsLinux()) return;
        var worktree = await _home.PreparedAsync("t1");
        using var agent = ChildProcess.Start(new()
        {
            Arguments = ["sleep", "600"],
            Environment = new Dictionary<string, string> { ["PATH"] = Environment.GetEnvironmentVariable("PATH")!, ["ORCHESTRATOR_SESSION"] = Path.Combine(_home.Home.SessionsPath, "t1", "1.1") },
            WorkingDirectory = "/",
        });
        var ended = agent.WaitForExitAsync();
        try
        {
            // For a moment after its start a process has no environment yet, as far as /proc tells.
            await Eventually.IsTrueAsync(() => _home.Get<LiveSessions>().FindProcess("t1") is not null, "the process can be seen");
            Assert.Contains($"process {agent.Pid}", (await _home.RemoveAsync(worktree, "t1"))!.Message, StringComparison.Ordinal);
            Assert.True(Directory.Exists(worktree.Path));
        }
        finally
        {
            agent.Identity.Send(Signals.Kill);
            await ended.Within("the killed process ends");
        }
    }

    [Fact]
    public async Task What_somebody_mounted_in_a_worktree_is_not_deleted()
    {
        if (!OperatingSystem.IsLinux() || !Environment.IsPrivilegedProcess) return;
        var worktree = await _home.PreparedAsync("t1");
        var (other, inside) = (_home.At("other"), Path.Combine(worktree.Path, "inside"));
        GitHome.Write(Path.Combine(other, "precious.txt"), "precious\n");
        Directory.CreateDirectory(inside);
        if (Tool.TryRun("mount", "--bind", other, inside).ExitCode != 0) return;
        try
        {
            Assert.Contains("is mounted there", (await _home.RemoveAsync(worktree, "t1"))!.Message, StringComparison.Ordinal);
            Assert.Throws<IOException>(() => FolderRemoval.Remove(worktree.Path));
            Assert.True(File.Exists(Path.Combine(other, "precious.txt")) && File.Exists(Path.Combine(worktree.Path, "README.md")));
        }
        finally
        {
            Tool.Run("umount", inside);
        }

        Assert.Null(await _home.RemoveAsync(worktree, "t1"));
    }

    [Fact]
    public async Task A_worktree_that_belongs_to_no_task_is_saved_and_put_aside_with_both_halves()
    {
        var worktree = await _home.PreparedAsync("t1");
        var commit = _home.Commit(worktree.Path, "a.txt", "a\n", "Add a");
        GitHome.Write(Path.Combine(worktree.Path, "b.txt"), "b\n");
        Directory.CreateDirectory(Path.Combine(_home.Home.SessionsPath, "t1", "2.3"));
        _home.Restart();
        var strays = _home.Get<StrayWorktrees>();
        Assert.Equal(["t1"], strays.Names());
        var aside = await strays.PutAsideAsync("t1", "A test wants it.", () => Task.FromResult(true), default);
        Assert.Equal("b\n", await File.ReadAllTextAsync(Path.Combine(aside!, "b.txt")));
        Assert.Empty(strays.Names());
        Assert.Equal(("b", commit), (_home.Salvaged("t1/2.3", "b.txt"), _home.InMirror("rev-parse", "refs/orchestrator/salvage/t1/2.3^")));
        Assert.All(_home.Get<Quarantine>().List(), entry => Assert.True(entry.Item.IsSaved));
        Assert.Equal(_home.Home.WorktreesPath, Path.GetDirectoryName(Assert.Single(_home.Get<Quarantine>().List(), entry => entry.Item.From == worktree.Path).Item.From));
        await _home.PreparedAsync("t1");
    }

    [Fact]
    public async Task What_cannot_be_saved_is_put_aside_all_the_same_and_never_deleted()
    {
        var worktree = await _home.PreparedAsync("t1");
        GitHome.Write(Path.Combine(worktree.Path, "b.txt"), "b\n");
        _home.Misbehave("""if [ "$sub" = add ]; then echo 'fatal: disk broken' >&2; exit 128; fi""");
        var aside = await _home.Get<StrayWorktrees>().PutAsideAsync("t1", "A test wants it.", () => Task.FromResult(true), default);
        Assert.True(File.Exists(Path.Combine(aside!, "b.txt")));
        Assert.All(_home.Get<Quarantine>().List(), entry => Assert.False(entry.Item.IsSaved));
    }
}
