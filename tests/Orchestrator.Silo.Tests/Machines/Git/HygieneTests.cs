using Orchestrator.Testing;

namespace Orchestrator.Silo.Tests.Machines.Git;

/// <summary>What an agent plants in what all worktrees share does not run for us or for the next task.</summary>
public sealed class HygieneTests : IDisposable
{
    private readonly GitHome _home = new();

    public void Dispose() => _home.Dispose();

    [Fact]
    public async Task Planted_programs_do_not_run_and_are_removed()
    {
        var worktree = await _home.PreparedAsync("t1");
        var clean = await File.ReadAllTextAsync(_home.Mirror.ConfigPath);
        var marker = _home.At("ran");
        var evil = _home.At("evil.sh");
        await File.WriteAllTextAsync(evil, $"#!/bin/sh\necho \"$0 $*\" >> '{marker}'\ncat\n");
        ScratchFolder.SetMode(evil, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        _home.Commit(worktree.Path, ".gitattributes", "* filter=evil diff=evil\n", "Attributes");
        GitHome.Write(Path.Combine(worktree.Path, "README.md"), "changed\n");
        void Plant()
        {
            foreach (var (name, value) in new[]
            {
                ("core.fsmonitor", evil), ("core.sshCommand", evil), ("filter.evil.clean", evil), ("filter.evil.smudge", evil), ("filter.evil.process", evil), ("filter.evil.required", "true"),
                ("diff.external", evil), ("diff.evil.textconv", evil), ("diff.evil.command", evil), ("gpg.program", evil), ("log.showSignature", "true"), ("credential.helper", evil),
                ("core.alternateRefsCommand", evil), ("url.file:///nowhere/.insteadOf", "file://"), ("extensions.worktreeConfig", "true"), ("uploadpack.packObjectsHook", evil),
            }) _home.InMirror("config", name, value);
            GitHome.Write(_home.Mirror.At("config.worktree"), $"[core]\n\tfsmonitor = {evil}\n");
            GitHome.Write(Path.Combine(_home.Mirror.AdminFolder("t1"), "config.worktree"), $"[core]\n\tfsmonitor = {evil}\n");
            GitHome.Write(_home.Mirror.At("info", "attributes"), "* filter=evil diff=evil\n");
            GitHome.Write(_home.Mirror.At("info", "exclude"), "*\n");
            foreach (var hook in new[] { "post-checkout", "reference-transaction", "post-index-change" })
            {
                GitHome.Write(_home.Mirror.At("hooks", hook), $"#!/bin/sh\nexec '{evil}'\n");
                ScratchFolder.SetMode(_home.Mirror.At("hooks", hook), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            }
        }

        Plant();
        File.Delete(marker);
        var report = await _home.CollectAsync(worktree, "t1");
        Assert.Equal((1, true, null), (report.CommitCount, report.IsDirty, report.Failure));
        AssertClean();
        Plant();
        File.Delete(marker);
        Assert.Null((await _home.PrepareAsync(GitHome.Request("t2"))).Note);
        AssertClean();
        Plant();
        File.Delete(marker);
        Assert.Null(await _home.RemoveAsync(worktree, "t1"));
        Assert.Equal("changed", _home.Salvaged("t1/1.1", "README.md"));
        AssertClean();

        void AssertClean()
        {
            Assert.False(File.Exists(marker), File.Exists(marker) ? File.ReadAllText(marker) : "");
            Assert.Equal(clean, File.ReadAllText(_home.Mirror.ConfigPath));
            Assert.False(Directory.Exists(_home.Mirror.At("hooks")));
            Assert.False(File.Exists(_home.Mirror.At("info", "attributes")));
            Assert.False(File.Exists(_home.Mirror.At("config.worktree")));
        }
    }

    [Fact]
    public async Task A_worktree_that_was_pointed_at_another_repository_is_pointed_back()
    {
        var worktree = await _home.PreparedAsync("t1");
        var evil = _home.At("evil");
        _home.Git("/", "init", "-q", "--bare", evil);
        await File.WriteAllTextAsync(Path.Combine(_home.Mirror.AdminFolder("t1"), "commondir"), evil + "\n");
        Assert.Null((await _home.CollectAsync(worktree, "t1")).Failure);
        await _home.PreparedAsync("t1");
        Assert.Equal("../..\n", await File.ReadAllTextAsync(Path.Combine(_home.Mirror.AdminFolder("t1"), "commondir")));
    }

    [Theory]
    [InlineData("file")]
    [InlineData("folder")]
    [InlineData("nothing")]
    public async Task A_link_in_place_of_gits_file_is_replaced_and_not_followed(string target)
    {
        var worktree = await _home.PreparedAsync("t1");
        var precious = _home.At("precious");
        if (target == "file") await File.WriteAllTextAsync(precious, "precious");
        if (target == "folder") _home.Git("/", "init", "-q", precious);
        var link = Path.Combine(worktree.Path, ".git");
        File.Delete(link);
        File.CreateSymbolicLink(link, precious);
        await _home.PreparedAsync(GitHome.Request("t1", attempt: 2));
        Assert.Null(new FileInfo(link).LinkTarget);
        _home.Commit(worktree.Path, "a.txt", "a\n", "Add a");
        Assert.Equal(1, (await _home.CollectAsync(worktree, "t1")).CommitCount);
        if (target == "file") Assert.Equal("precious", await File.ReadAllTextAsync(precious));
        else Assert.Equal(target == "folder", Path.Exists(precious));
    }

    [Fact]
    public async Task A_configuration_that_git_cannot_read_is_put_back()
    {
        await _home.PreparedAsync("t1");
        await File.WriteAllTextAsync(_home.Mirror.ConfigPath, "[[[");
        await _home.PreparedAsync("t2");
    }

    [Fact]
    public async Task An_alternate_object_store_is_removed()
    {
        await _home.PreparedAsync("t1");
        GitHome.Write(_home.Mirror.At("objects", "info", "alternates"), "/nowhere\n");
        await _home.PreparedAsync("t2");
        Assert.False(File.Exists(_home.Mirror.At("objects", "info", "alternates")));
    }
}
