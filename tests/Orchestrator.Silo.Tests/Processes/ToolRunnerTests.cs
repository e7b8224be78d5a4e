using System.Text;
using Orchestrator.Silo.Processes;
using Orchestrator.Testing;

namespace Orchestrator.Silo.Tests.Processes;

public sealed class ToolRunnerTests : IDisposable
{
    private readonly ScratchFolder _folder = new();
    private readonly ToolRunner _runner = new(TimeProvider.System);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Arguments_reach_the_tool_as_they_are()
    {
        string[] arguments = ["%s\\n", "", "a b", "$(id)", "`id`", "a;b", "'\"", "-x", "ü\u2028"];
        var result = await RunAsync(new ToolCommand("printf", arguments));
        Assert.Equal(string.Concat(arguments[1..].Select(argument => argument + "\n")), result.StandardOutput);
    }

    [Fact]
    public async Task Input_is_written_and_closed()
    {
        var input = Encoding.UTF8.GetBytes(new string('x', 300_000));
        var result = await RunAsync(new ToolCommand("wc", ["-c"]) { StandardInput = input });
        Assert.Equal("300000", result.StandardOutput.Trim());
        Assert.Equal("", (await RunAsync(new ToolCommand("cat", []))).StandardOutput);
    }

    [Fact]
    public async Task Input_that_nobody_reads_is_no_failure() =>
        Assert.Equal(0, (await RunAsync(new ToolCommand("true", []) { StandardInput = new byte[1_000_000] })).ExitCode);

    [Fact]
    public async Task The_environment_is_built_up_not_inherited()
    {
        Environment.SetEnvironmentVariable("ORCHESTRATOR_TEST_SECRET", "hunter2");
        var result = await RunAsync(new ToolCommand("env", []) { Environment = new Dictionary<string, string?> { ["EXTRA"] = "1", ["HOME"] = null } });
        var names = result.StandardOutput.Split('\n').Select(line => line.Split('=')[0]).ToList();
        Assert.Contains("PATH", names);
        Assert.Contains("EXTRA", names);
        Assert.DoesNotContain("HOME", names);
        Assert.DoesNotContain("ORCHESTRATOR_TEST_SECRET", names);
    }

    [Fact]
    public async Task Another_exit_code_than_0_says_tool_subcommand_code_and_last_words_without_credentials()
    {
        var tool = _folder.Script("failing", "echo \"fatal: https://user:hunter2@example.org/x.git $(printf '%05000d' 7)\" >&2; echo last words >&2; exit 3");
        var failure = await Assert.ThrowsAsync<ToolFailedException>(() => RunAsync(new ToolCommand(tool, ["-c", "a=b", "--flag", "fetch", "origin"])));
        Assert.Equal((3, "fetch", ToolFailureKind.Exited), (failure.ExitCode, failure.Subcommand, failure.Kind));
        Assert.EndsWith("last words", failure.ErrorTail, StringComparison.Ordinal);
        Assert.True(failure.ErrorTail.Length <= 2048);
        Assert.DoesNotContain("hunter2", failure.ToString(), StringComparison.Ordinal);
        Assert.Equal(3, (await _runner.TryRunAsync(new ToolCommand(tool, []), default)).ExitCode);
    }

    [Fact]
    public async Task A_missing_program_says_to_install_it()
    {
        var failure = await Assert.ThrowsAsync<ToolFailedException>(() => RunAsync(new ToolCommand("no-such-program", [])));
        Assert.Equal(ToolFailureKind.Missing, failure.Kind);
        Assert.Contains("Install no-such-program", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_program_in_the_working_directory_is_not_found()
    {
        _folder.Script("local-tool", "exit 0");
        var command = new ToolCommand("local-tool", []) { WorkingDirectory = _folder.Root };
        Assert.Equal(ToolFailureKind.Missing, (await Assert.ThrowsAsync<ToolFailedException>(() => RunAsync(command))).Kind);
    }

    [Fact]
    public async Task A_working_directory_that_is_not_there_is_a_failure_of_the_tool()
    {
        var command = new ToolCommand("true", []) { WorkingDirectory = _folder.At("nowhere") };
        Assert.Equal(ToolFailureKind.NotStarted, (await Assert.ThrowsAsync<ToolFailedException>(() => RunAsync(command))).Kind);
    }

    [Fact]
    public async Task Output_beyond_the_limit_is_cut_and_the_tool_still_ends()
    {
        var result = await RunAsync(new ToolCommand("sh", ["-c", "yes | head -c 5000000"]) { OutputBytesMax = 1000 });
        Assert.Equal((true, 1000), (result.IsCut, result.StandardOutput.Length));
        Assert.False((await RunAsync(new ToolCommand("printf", ["%01000d", "7"]) { OutputBytesMax = 1000 })).IsCut);
    }

    [Fact]
    public void An_output_is_closed_by_its_reader()
    {
        var stream = new MemoryStream();
        new ToolOutput(stream, 1).Dispose();
        Assert.False(stream.CanRead);
    }

    [Fact]
    public async Task At_its_deadline_a_tool_is_killed_with_its_grandchildren()
    {
        var pids = _folder.At("pids");
        var tool = _folder.Script("tree", $"sh -c 'sh -c \"echo \\$\\$ >> {pids}; exec sleep 300\" & echo $$ >> {pids}; wait' & wait");
        var failure = await Assert.ThrowsAsync<ToolFailedException>(() => RunAsync(new ToolCommand(tool, []) { Timeout = TimeSpan.FromSeconds(1) }));
        Assert.Equal(ToolFailureKind.TimedOut, failure.Kind);
        var started = await File.ReadAllLinesAsync(pids);
        Assert.Equal(2, started.Length);
        foreach (var pid in started) await DeadAsync(int.Parse(pid));
    }

    [Fact]
    public async Task At_its_deadline_helpers_die_whose_parent_has_died_before_and_those_of_another_session()
    {
        // As git's helpers: the one between is gone, so that no line of parents leads to the helper.
        var pids = _folder.At("pids");
        var tool = _folder.Script("tree", $"(sleep 300 & echo $! >> {pids}) & setsid sleep 301 & echo $! >> {pids}; exec sleep 302");
        var failure = await Assert.ThrowsAsync<ToolFailedException>(() => RunAsync(new ToolCommand(tool, []) { Timeout = TimeSpan.FromSeconds(1) }));
        Assert.Equal(ToolFailureKind.TimedOut, failure.Kind);
        var started = await File.ReadAllLinesAsync(pids);
        Assert.Equal(2, started.Length);
        foreach (var pid in started) await DeadAsync(int.Parse(pid));
    }

    [Fact]
    public async Task Cancelling_kills_the_tool_and_is_no_failure_of_it()
    {
        var pid = _folder.At("pid");
        using var cancellation = new CancellationTokenSource();
        var running = _runner.RunAsync(new ToolCommand(_folder.Script("waiting", $"echo $$ > {pid}.new; mv {pid}.new {pid}; exec sleep 300"), []), cancellation.Token);
        await FileAsync(pid);
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running).Within("the cancelled call ends");
        await DeadAsync(int.Parse(await File.ReadAllTextAsync(pid)));
    }

    [Fact]
    public async Task A_daemon_that_holds_the_output_open_does_not_hold_up_its_starter()
    {
        var pid = _folder.At("pid");
        var result = await RunAsync(new ToolCommand("sh", ["-c", $"sleep 300 & echo $! > {pid}; echo done"])).Within("the tool's end is seen", TimeSpan.FromSeconds(20));
        Assert.Equal("done\n", result.StandardOutput);
        var daemon = int.Parse(await File.ReadAllTextAsync(pid));
        Assert.True(IsAlive(daemon));
        await RunAsync(new ToolCommand("bash", ["-c", $"kill -9 {daemon}"]));
    }

    [Fact]
    public async Task A_hundred_tools_at_once_all_give_their_own_output()
    {
        var results = await Task.WhenAll(Enumerable.Range(0, 100).Select(number => RunAsync(new ToolCommand("sh", ["-c", "read x; echo $x $1", "sh", $"{number}"])
        {
            StandardInput = Encoding.UTF8.GetBytes($"in{number}\n"),
        })));
        Assert.Equal(Enumerable.Range(0, 100).Select(number => $"in{number} {number}\n"), results.Select(result => result.StandardOutput));
    }

    private Task<ToolResult> RunAsync(ToolCommand command) => _runner.RunAsync(command, default).Within($"{command.Tool} ends");

    private static async Task FileAsync(string path)
    {
        using var watcher = new FileSystemWatcher(Path.GetDirectoryName(path)!);
        var seen = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        watcher.Created += (_, _) => Check();
        watcher.Renamed += (_, _) => Check();
        watcher.EnableRaisingEvents = true;
        Check();
        await seen.Task.Within($"{path} is there");

        void Check()
        {
            if (File.Exists(path)) seen.TrySetResult();
        }
    }

    private static async Task DeadAsync(int pid)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20), TimeProvider.System);
        while (IsAlive(pid)) await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, limit.Token);
    }

    /// <summary>A zombie is dead; who should reap it is another question.</summary>
    private static bool IsAlive(int pid)
    {
        try
        {
            using var process = System.Diagnostics.Process.GetProcessById(pid);
            return !File.Exists($"/proc/{pid}/stat") || !File.ReadAllText($"/proc/{pid}/stat").Contains(") Z ", StringComparison.Ordinal);
        }
        catch (Exception exception) when (exception is ArgumentException or IOException)
        {
            return false;
        }
    }
}
