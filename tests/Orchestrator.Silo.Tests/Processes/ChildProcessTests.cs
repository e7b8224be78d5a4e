using System.Text;
using Microsoft.Win32.SafeHandles;
using Orchestrator.Processes;
using Orchestrator.Testing;
using Orchestrator.Testing.Service;

namespace Orchestrator.Silo.Tests.Processes;

public sealed class ChildProcessTests : IDisposable
{
    private static readonly Dictionary<string, string> PathOnly = new() { ["PATH"] = "/usr/bin:/bin" };
    private readonly ScratchFolder _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public async Task Arguments_and_environment_arrive_as_they_are_and_nothing_else_does()
    {
        string[] arguments = ["a b", "", "$(id)`id`;", "-x", "\"'\\", "ä\n€"];
        var environment = new Dictionary<string, string> { ["PATH"] = "/usr/bin:/bin", ["ONE"] = "1 = 'one'", ["EMPTY"] = "" };
        using var child = Start(["sh", "-c", "for a in \"$@\"; do printf '%s\\0' \"$a\"; done; env -0 | sort -z", "sh", .. arguments], environment);
        var output = ReadAll(child.StandardOutput);
        Assert.True((await child.WaitForExitAsync().Within("the shell's end")).IsSuccess);
        var parts = output.Split('\0', StringSplitOptions.None);
        Assert.Equal(arguments, parts[..arguments.Length]);
        Assert.Equal(["EMPTY=", "ONE=1 = 'one'", "PATH=/usr/bin:/bin"], parts[arguments.Length..].Where(part => part.Length > 0 && !part.StartsWith("PWD=", StringComparison.Ordinal) && !part.StartsWith("OLDPWD=", StringComparison.Ordinal) && !part.StartsWith("SHLVL=", StringComparison.Ordinal) && !part.StartsWith("_=", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task A_child_leads_a_session_of_its_own_in_its_folder()
    {
        using var child = Start(["sh", "-c", "pwd; read line"], hasInput: true);
        var entry = ProcessTable.Find(child.Pid)!;
        Assert.Equal(child.Pid, entry.Session);
        Assert.True(child.Identity.IsAlive);
        Assert.Equal(Environment.ProcessId, entry.Parent);
        child.StandardInput!.Dispose();
        Assert.Equal(_scratch.Root, ReadAll(child.StandardOutput).Trim());
        await child.WaitForExitAsync().Within("the shell's end");
        Assert.False(child.Identity.IsAlive);
    }

    [Theory]
    [InlineData("exit 7", 7, null)]
    [InlineData("kill -TERM $$", null, 15)]
    [InlineData("kill -INT $$", null, 2)]
    [InlineData("kill -PIPE $$", null, 13)]
    public async Task How_it_ended_is_told_and_no_signal_is_ignored_from_the_start(string script, int? code, int? signal)
    {
        using var child = Start(["sh", "-c", script]);
        Assert.Equal(new ChildExit(code, signal), await child.WaitForExitAsync().Within("the shell's end"));
    }

    [Fact]
    public void What_cannot_be_started_says_why()
    {
        Assert.Contains("not in PATH", Assert.Throws<ChildProcessException>(() => Start(["no-such-program"])).Message);
        Assert.Contains("could not be started", Assert.Throws<ChildProcessException>(() => Start(["/no/such/program"])).Message);
        File.WriteAllText(_scratch.At("text"), "no program");
        Assert.Throws<ChildProcessException>(() => Start([_scratch.At("text")]));
    }

    [Fact]
    public async Task A_process_that_got_the_pid_of_another_is_not_that_one()
    {
        using var child = Start(["sleep", "60"]);
        Assert.False((child.Identity with { StartTime = child.Identity.StartTime - 1 }).IsAlive);
        Assert.False((child.Identity with { BootId = "another" }).IsAlive);
        Assert.False((child.Identity with { BootId = "another" }).Send(Signals.Kill));
        Assert.True(child.Identity.Send(Signals.Kill));
        Assert.Equal(new ChildExit(null, Signals.Kill), await child.WaitForExitAsync().Within("its end"));
    }

    [Fact]
    public async Task A_tree_is_ended_with_all_that_fled_from_it()
    {
        var marker = _scratch.At("marker");
        var environment = new Dictionary<string, string>(PathOnly) { [ProcessTree.MarkerName] = marker };
        // One in the background, one in a session of its own, and one that also cleared its environment but has kept the session.
        using var child = Start(["sh", "-c", "sleep 101 & setsid sleep 102 & env -i sleep 103 & sleep 104"], environment);
        var tree = new ProcessTree(marker).WithSessionOf(child.Identity);
        var exit = child.WaitForExitAsync();
        await Until(() => tree.FindAlive().Count == 5, "five processes");
        Assert.True(tree.KillAll());
        Assert.Empty(tree.FindAlive());
        Assert.Equal(Signals.Kill, (await exit.Within("its end")).Signal);
    }

    [Fact]
    public async Task A_process_is_found_from_the_moment_at_which_it_was_started()
    {
        var marker = _scratch.At("marker");
        var environment = new Dictionary<string, string>(PathOnly) { [ProcessTree.MarkerName] = marker };
        for (var round = 0; round < 50; round++)
        {
            using var child = Start(["sleep", "60"], environment);
            Assert.Contains(child.Pid, new ProcessTree(marker).FindAlive().Select(process => process.Pid));
            child.Identity.Send(Signals.Kill);
            await child.WaitForExitAsync().Within("its end");
        }
    }

    [Fact]
    public async Task A_process_that_may_not_be_killed_is_remarked_upon_and_not_waited_for()
    {
        var marker = _scratch.At("marker");
        using var child = Start(["sleep", "60"], new Dictionary<string, string>(PathOnly) { [ProcessTree.MarkerName] = marker });
        var remarks = new List<string>();
        var refusing = new ProcessTree(marker) { TrySend = (_, _) => false, Remark = remarks.Add };
        Assert.False(await Task.Run(() => refusing.KillAll()).Within("the end of the killing", TimeSpan.FromSeconds(20)));
        Assert.Contains($"Process {child.Pid}", Assert.Single(remarks));

        remarks.Clear();
        var stuck = new ProcessTree(marker) { TrySend = (_, _) => true, Remark = remarks.Add, Patience = TimeSpan.FromMilliseconds(50) };
        Assert.False(await Task.Run(() => stuck.KillAll()).Within("the end of the killing", TimeSpan.FromSeconds(20)));
        Assert.Contains("1 processes do not end", Assert.Single(remarks));

        Assert.True(child.Identity.IsAlive);
        Assert.True(child.Identity.Send(Signals.Kill));
        await child.WaitForExitAsync().Within("its end");
    }

    [Fact]
    public async Task A_session_whose_id_was_given_to_another_is_left_alone()
    {
        // The leader of today's session; the one that had its id before began earlier.
        using var child = Start(["sleep", "60"]);
        Assert.Empty(new ProcessTree(null).WithSessionOf(child.Identity with { StartTime = child.Identity.StartTime - 1 }).FindAlive());
        Assert.Equal([child.Identity], new ProcessTree(null).WithSessionOf(child.Identity).FindAlive());
        Assert.True(child.Identity.Send(Signals.Kill));
        await child.WaitForExitAsync().Within("its end");
    }

    [Fact]
    public async Task What_a_leader_leaves_in_its_session_counts_only_if_the_leader_was_seen()
    {
        if (!OperatingSystem.IsLinux()) return;
        using var child = Start(["sh", "-c", "sleep 60 & read line"], hasInput: true);
        var seen = new ProcessTree(null).WithSessionOf(child.Identity);
        await Until(() => seen.FindAlive().Count == 2, "the shell and its child");
        child.StandardInput!.Dispose();
        await child.WaitForExitAsync().Within("the shell's end");
        Assert.Empty(new ProcessTree(null).WithSessionOf(child.Identity).FindAlive());
        Assert.Single(seen.FindAlive());
        Assert.True(seen.KillAll());
    }

    [Fact]
    public void A_reserved_file_appears_whole_and_can_be_written_again_after_a_failure()
    {
        var path = _scratch.At("exit.json");
        var reserved = new ReservedFile(path, 4096);
        Assert.False(File.Exists(path));
        Directory.CreateDirectory(path);
        Assert.ThrowsAny<Exception>(() => reserved.Commit("{}"u8));
        Directory.Delete(path);
        reserved.Commit("{\"a\":1}"u8);
        Assert.Equal("{\"a\":1}", File.ReadAllText(path));
        Assert.Equal([path], Directory.GetFiles(_scratch.Root));
    }

    [Fact]
    public void A_reserved_file_can_be_written_on_a_full_disk()
    {
        var disk = Directory.CreateDirectory(_scratch.At("disk")).FullName;
        // Only root can mount one, and not in every container.
        if (!OperatingSystem.IsLinux() || !Environment.IsPrivilegedProcess || Tool.TryRun("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk).ExitCode != 0) return;
        try
        {
            var path = Path.Combine(disk, "exit.json");
            var reserved = new ReservedFile(path, 4096);
            using (var filler = new FileStream(Path.Combine(disk, "filler"), FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0))
                Assert.Throws<IOException>(() => filler.Write(new byte[128 * 1024]));
            Assert.Throws<IOException>(() => DurableFile.Write(path, "{}"u8));
            reserved.Commit("{\"a\":1}"u8);
            Assert.Equal("{\"a\":1}", File.ReadAllText(path));
        }
        finally
        {
            Tool.TryRun("umount", "--lazy", disk);
        }
    }

    [Fact]
    public void A_lock_is_held_by_one_and_probing_does_not_take_it()
    {
        var path = _scratch.At("lock");
        Assert.False(FileLock.IsHeld(path));
        using (var held = FileLock.TryAcquire(path, TimeSpan.Zero))
        {
            Assert.NotNull(held);
            Assert.True(FileLock.IsHeld(path));
            Assert.Null(FileLock.TryAcquire(path, TimeSpan.FromMilliseconds(20)));
        }

        Assert.False(FileLock.IsHeld(path));
        using var again = FileLock.TryAcquire(path, TimeSpan.Zero);
        Assert.NotNull(again);
    }

    [Fact]
    public void A_name_with_spaces_and_parentheses_does_not_confuse_the_process_table()
    {
        var entry = ProcessTable.ParseStat(7, "7 (a b) S 1 (x) S 5 6 8 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4711 1 1"u8);
        Assert.Equal(new ProcessEntry(7, 5, 8, 4711, false), entry);
    }

    private ChildProcess Start(string[] arguments, Dictionary<string, string>? environment = null, bool hasInput = false) => ChildProcess.Start(new ChildProcessStart
    {
        Arguments = arguments,
        Environment = environment ?? PathOnly,
        WorkingDirectory = _scratch.Root,
        HasInput = hasInput,
    });

    private static string ReadAll(SafeFileHandle pipe)
    {
        using var reader = new StreamReader(new FileStream(pipe, FileAccess.Read, 1), Encoding.UTF8);
        return reader.ReadToEnd();
    }

    private static async Task Until(Func<bool> condition, string what)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        var startedAt = TimeProvider.System.GetTimestamp();
        while (!condition())
        {
            if (TimeProvider.System.GetElapsedTime(startedAt) > TimeSpan.FromSeconds(30)) throw new TimeoutException($"After 30 s: {what}.");
            await timer.WaitForNextTickAsync();
        }
    }
}
