using System.Net.Sockets;
using System.Text.Json;
using Orchestrator.Contracts.Sessions;
using Orchestrator.Interfaces.Machines;
using Orchestrator.Processes;
using Orchestrator.Silo.Configuration;
using Orchestrator.Silo.Machines.Sessions;
using Orchestrator.Silo.Machines.Terminals;
using Orchestrator.Testing;

namespace Orchestrator.Silo.Tests.Machines.Sessions;

public sealed class LocalSessionsTests : IDisposable
{
    private readonly SessionMachine _machine = new();

    public void Dispose() => _machine.Dispose();

    [Fact]
    public async Task An_agent_runs_in_a_terminal_and_its_end_is_reported()
    {
        var start = await _machine.StartAsync("echo working; until [ -e go ]; do sleep 0.02; done; exit 3");
        Assert.Equal(("fake", true), (start.Started!.Agent, start.Started.CanResume));
        Assert.Equal("cc-task-t-1", start.Started.Terminal.Name);
        Assert.Equal($"tmux -S {_machine.Socket} attach -t =cc-task-t-1:", start.Started.Terminal.AttachCommand);
        await _machine.Printed("working");
        await HostedSession.Until(() => PaneText().Contains("working", StringComparison.Ordinal), "the pane to show it");
        File.WriteAllText(Path.Combine(_machine.Worktree.Path, "go"), "");
        var end = await _machine.WaitForEndAsync();
        Assert.Equal((SessionEndKind.Exited, 3, false), (end.Kind, end.ExitCode, end.WasStopped));
        Assert.True(end.Report!.HasOutput);
        Assert.False(TerminalSockets.IsAlive(_machine.Socket));
        Assert.False(Directory.Exists(Path.GetDirectoryName(_machine.Socket)));
        Assert.False(_machine.Host.IsAlive);
        Assert.Contains("working", File.ReadAllText(_machine.Folder.PathOf(SessionFiles.Transcript)));
        Assert.Equal(3, (await _machine.WaitForEndAsync()).ExitCode);
    }

    [Fact]
    public async Task The_agent_finds_its_task_and_neither_it_nor_tmux_nor_a_command_line_a_secret()
    {
        await _machine.StartAsync("env > agent-env; cat $TASK_CONTEXT > context; echo up; until [ -e go ]; do sleep 0.02; done");
        await _machine.Printed("up");
        var environment = _machine.Made("agent-env").Split('\n');
        string[] expected = ["TASK_ID=t-1", "TASK_ATTEMPT=1", "TASK_BRANCH=task/t-1", "TASK_BASE_BRANCH=main", "TASK_REPOSITORY=owner/name", "ORCHESTRATOR_TASK=1", "FROM_TABLE=yes"];
        Assert.Subset(environment.ToHashSet(), expected.ToHashSet());
        Assert.Equal(
            ["CLAUDE_CODE_TMPDIR", "FROM_TABLE", "HOME", "OLDPWD", "ORCHESTRATOR_SESSION", "ORCHESTRATOR_TASK", "PATH", "PWD", "SHLVL", "TASK_ATTEMPT", "TASK_BASE_BRANCH", "TASK_BRANCH", "TASK_CONTEXT", "TASK_ID", "TASK_REPOSITORY", "_"],
            environment.Where(line => line.Length > 0).Select(line => line.Split('=')[0]).Append("OLDPWD").Distinct().Order(StringComparer.Ordinal));
        using var context = JsonDocument.Parse(_machine.Made("context"));
        Assert.Equal(["taskId", "workerType", "slug"], context.RootElement.EnumerateObject().Select(member => member.Name));
        var started = _machine.Folder.ReadStarted()!;
        var tmux = ProcessTable.Find(started.HostPid)!.Parent;
        string[] allowed = ["PATH", "HOME", "USER", "LOGNAME", "LANG", "TMPDIR", "DOTNET_ROOT", "DOTNET_EnableDiagnostics", "PWD", "OLDPWD", "SHLVL", "_", "TMUX", "TMUX_PANE", "TERM", "TERM_PROGRAM", "TERM_PROGRAM_VERSION", "SHELL"];
        foreach (var pid in new[] { tmux, started.HostPid })
        {
            var names = File.ReadAllText($"/proc/{pid}/environ").Split('\0').Where(entry => entry.Length > 0).Select(entry => entry.Split('=')[0]).Where(name => !name.StartsWith("LC_", StringComparison.Ordinal));
            Assert.Empty(names.Except(allowed));
            Assert.DoesNotContain("secret", File.ReadAllText($"/proc/{pid}/cmdline"));
        }

        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(_machine.Folder.PathOf(SessionFiles.Launch)));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(_machine.Folder.Path));
        Assert.DoesNotContain("webhook-secret", string.Concat(Directory.GetFiles(_machine.Folder.Path).Where(file => !file.EndsWith("lock", StringComparison.Ordinal)).Select(File.ReadAllText)));
    }

    [Fact]
    public async Task Started_twice_and_at_once_and_after_a_restart_one_agent_runs()
    {
        const string Agent = "echo x >> starts; until [ -e go ]; do sleep 0.02; done";
        var starts = await Task.WhenAll(_machine.StartAsync(Agent), _machine.StartAsync(Agent)).Within("both starts");
        _machine.Restart();
        var again = await _machine.StartAsync(Agent);
        Assert.All(starts, start => Assert.Equal(again.Started!.StartedAt, start.Started!.StartedAt));
        File.WriteAllText(Path.Combine(_machine.Worktree.Path, "go"), "");
        Assert.Equal(SessionEndKind.Exited, (await _machine.WaitForEndAsync()).Kind);
        Assert.NotNull((await _machine.StartAsync(Agent)).Started);
        Assert.Equal("x\n", _machine.Made("starts"));
    }

    [Fact]
    public async Task A_killed_tmux_server_does_the_agent_no_harm_and_the_view_comes_back()
    {
        await _machine.StartAsync("touch $CLAUDE_CODE_TMPDIR/own; echo before; until [ -e go ]; do sleep 0.02; done; echo after; until [ -e end ]; do sleep 0.02; done");
        await _machine.Printed("before");
        Signals.Send(ProcessTable.Find(_machine.Host.Pid)!.Parent, Signals.Kill);
        await HostedSession.Until(() => !TerminalSockets.IsAlive(_machine.Socket), "tmux to be gone");
        File.WriteAllText(Path.Combine(_machine.Worktree.Path, "go"), "");
        await _machine.Printed("after");
        _machine.Restart();
        Assert.NotNull((await _machine.StartAsync("never")).Started);
        await HostedSession.Until(() => PaneText().Contains("after", StringComparison.Ordinal), "the new pane to show the transcript");
        Assert.True(File.Exists(Path.Combine(Path.GetDirectoryName(_machine.Socket)!, "t", "own")), "The agent's own sockets are gone.");
        // And again while it is watched.
        var end = _machine.WaitForEndAsync();
        await _machine.Tmux.EndAsync("t-1", CancellationToken.None);
        await HostedSession.Until(() => PaneText().Contains("after", StringComparison.Ordinal), "the view to be opened by the watch");
        File.WriteAllText(Path.Combine(_machine.Worktree.Path, "end"), "");
        Assert.Equal(0, (await end).ExitCode);
        // Whoever looked a moment before the end does not open it once more.
        await _machine.Views.EnsureAsync(_machine.Folder, CancellationToken.None);
        Assert.False(_machine.Tmux.IsAlive("t-1"));
        Assert.False(Directory.Exists(Path.GetDirectoryName(_machine.Socket)));
    }

    [Fact]
    public async Task A_terminal_that_dies_before_its_host_begins_is_started_once_more()
    {
        var once = _machine.Scratch.At("once");
        var host = _machine.Scratch.Script("dying-terminal", $"[ -e {once} ] || {{ touch {once}; kill -9 $PPID; exit 1; }}\nexec {HostedSession.HostPath} \"$@\"");
        _machine.Restart(options => options.StartTimeout = TimeSpan.FromSeconds(30), options => options.SessionHostPath = host);
        Assert.NotNull((await _machine.StartAsync("exit 6")).Started);
        Assert.Equal(6, (await _machine.WaitForEndAsync()).ExitCode);
    }

    [Fact]
    public async Task An_adopted_host_that_never_starts_is_a_failure()
    {
        _machine.Restart(options => options.StartTimeout = TimeSpan.FromMilliseconds(200));
        _machine.Folder.Create();
        using var held = FileLock.TryAcquire(_machine.Folder.PathOf(SessionFiles.Lock), TimeSpan.Zero);
        var end = (await _machine.StartAsync("true")).Ended!;
        Assert.Equal(SessionEndKind.SetupFailed, end.Kind);
        Assert.Contains("did not start", end.Failure!.Message);
        Assert.True(_machine.Folder.Has(SessionFiles.Stop));
    }

    [Fact]
    public async Task A_killed_host_is_noticed_and_nothing_of_the_session_is_left()
    {
        await _machine.StartAsync("(setsid sleep 1000 &); (setsid env -i sleep 1001 & echo $! > bare); echo up; sleep 1002");
        await _machine.Printed("up");
        await HostedSession.Until(() => new ProcessTree(_machine.Folder.Path).FindAlive().Count == 2, "the agent's processes");
        var end = _machine.WaitForEndAsync();
        Assert.True(_machine.Host.Send(Signals.Kill));
        var report = await end;
        Assert.Empty(Directory.GetFiles(Path.GetTempPath(), $"*-{_machine.Host.Pid}-*"));
        Assert.Equal((SessionEndKind.Lost, null), (report.Kind, report.ExitCode));
        Assert.NotNull(report.Failure);
        Assert.Empty(new ProcessTree(_machine.Folder.Path).FindAlive());
        Assert.NotNull((await _machine.StartAsync("touch second")).Started);
        Assert.Equal(SessionEndKind.Lost, (await _machine.WaitForEndAsync()).Kind);
        Assert.False(File.Exists(Path.Combine(_machine.Worktree.Path, "second")));
        // Such a one is found by its parent while the host lives, and by nothing once it is gone and has cleared its environment and left the session.
        foreach (var process in ProcessTable.ReadAll().Where(process => File.Exists($"/proc/{process.Pid}/cmdline") && Read(process.Pid).Contains("sleep\01001"))) Signals.Send(process.Pid, Signals.Kill);
    }

    [Fact]
    public async Task A_stop_ends_a_stubborn_agent_with_its_children()
    {
        await _machine.StartAsync("trap '' INT TERM; (setsid sh -c 'trap \"\" INT TERM; while :; do sleep 1; done' &); echo up; while :; do sleep 1; done");
        await _machine.Printed("up");
        await _machine.Sessions.StopAsync(_machine.Name, "cancelled", CancellationToken.None).Within("the answer", TimeSpan.FromSeconds(5));
        await _machine.Sessions.StopAsync(_machine.Name, "cancelled again", CancellationToken.None);
        var report = await _machine.WaitForEndAsync();
        Assert.Equal((SessionEndKind.Exited, Signals.Kill, true), (report.Kind, report.Signal, report.WasStopped));
        Assert.Empty(new ProcessTree(_machine.Folder.Path).FindAlive());
        Assert.Contains("Stopped: cancelled", File.ReadAllText(_machine.Folder.PathOf(SessionFiles.Transcript)));
    }

    [Fact]
    public async Task A_host_that_hangs_is_killed_when_it_is_told_to_stop_once_more_later()
    {
        await _machine.StartAsync("echo up; while :; do sleep 1; done");
        await _machine.Printed("up");
        const int StopSignal = 19;

        // It would wake its stopped child.
        Signals.Send(ProcessTable.Find(_machine.Host.Pid)!.Parent, Signals.Kill);
        await HostedSession.Until(() => !TerminalSockets.IsAlive(_machine.Socket), "tmux to be gone");
        Assert.True(_machine.Host.Send(OperatingSystem.IsMacOS() ? 17 : StopSignal));
        await _machine.Sessions.StopAsync(_machine.Name, "cancelled", CancellationToken.None).Within("the answer");
        Assert.True(_machine.Folder.IsHeld);
        File.SetLastWriteTimeUtc(_machine.Folder.PathOf(SessionFiles.Stop), TimeProvider.System.GetUtcNow().UtcDateTime.AddMinutes(-2));
        await _machine.Sessions.StopAsync(_machine.Name, "cancelled", CancellationToken.None).Within("the second answer");
        var report = await _machine.WaitForEndAsync();
        Assert.Equal((SessionEndKind.Lost, true), (report.Kind, report.WasStopped));
        Assert.Empty(new ProcessTree(_machine.Folder.Path).FindAlive());
    }

    [Fact]
    public async Task A_stop_that_cannot_be_written_down_is_signalled()
    {
        await _machine.StartAsync("echo up; while :; do sleep 0.1; done");
        await _machine.Printed("up");
        // As on a full disk: the file cannot be made.
        Directory.CreateDirectory(_machine.Folder.PathOf(SessionFiles.Stop));
        await _machine.Sessions.StopAsync(_machine.Name, "cancelled", CancellationToken.None).Within("the answer");
        Assert.True((await _machine.WaitForEndAsync()).WasStopped);
    }

    [Fact]
    public async Task The_end_is_told_whatever_is_wrong_with_other_attempts_and_the_agents_keys_are_forgotten()
    {
        await _machine.StartAsync("exit 3");
        Directory.CreateDirectory(Path.Combine(Path.GetDirectoryName(_machine.Folder.Path)!, "1.2", SessionFiles.Lock));
        Assert.Equal(3, (await _machine.WaitForEndAsync()).ExitCode);
        Assert.Equal(3, (await _machine.WaitForEndAsync()).ExitCode);
        var launch = JsonSerializer.Deserialize(File.ReadAllText(_machine.Folder.PathOf(SessionFiles.Launch)), SessionJsonContext.Default.SessionLaunch)!;
        Assert.Contains("FROM_TABLE", launch.Environment.Keys);
        Assert.All(launch.Environment.Values, value => Assert.Equal("", value));
    }

    [Fact]
    public async Task A_worktree_that_is_gone_is_named()
    {
        Directory.Delete(_machine.Worktree.Path);
        var end = (await _machine.StartAsync("true")).Ended!;
        Assert.Equal((SessionEndKind.WorktreeLost, $"The worktree '{_machine.Worktree.Path}' is gone."), (end.Kind, end.Failure!.Message));
    }

    [Fact]
    public void A_server_that_takes_no_connections_in_is_alive_and_not_waited_for()
    {
        var path = _machine.Scratch.At("full.sock");
        using var server = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        server.Bind(new UnixDomainSocketEndPoint(path));
        server.Listen(0);
        for (var i = 0; i < 20; i++) Assert.True(TerminalSockets.IsAlive(path));
        var waiting = new List<Socket>();
        while (waiting.Count < 100)
        {
            var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { Blocking = false };
            waiting.Add(client);
            try
            {
                client.Connect(new UnixDomainSocketEndPoint(path));
            }
            catch (SocketException)
            {
                break;
            }
        }

        Assert.True(TerminalSockets.IsAlive(path));
        foreach (var client in waiting) client.Dispose();
        server.Dispose();
        Assert.False(TerminalSockets.IsAlive(path));
    }

    [Fact]
    public async Task What_is_stopped_before_it_starts_never_starts()
    {
        await _machine.Sessions.StopAsync(_machine.Name, "cancelled", CancellationToken.None);
        Assert.Equal(SessionEndKind.NotStarted, (await _machine.WaitForEndAsync()).Kind);
        var start = await _machine.StartAsync("touch ran");
        Assert.Equal(SessionEndKind.NotStarted, start.Ended!.Kind);
        Assert.False(File.Exists(Path.Combine(_machine.Worktree.Path, "ran")));
    }

    [Fact]
    public async Task A_session_of_which_nothing_is_known_was_never_started() =>
        Assert.Equal(SessionEndKind.NotStarted, (await _machine.WaitForEndAsync()).Kind);

    [Fact]
    public async Task A_failing_setup_script_is_reported_with_its_last_lines()
    {
        Directory.CreateDirectory(Path.Combine(_machine.Worktree.Path, ".orchestrator"));
        var path = Path.Combine(_machine.Worktree.Path, SessionPreparation.SetupScript);
        File.WriteAllText(path, "#!/bin/sh\necho 'npm: no such package' >&2\nexit 9\n");
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        var start = await _machine.StartAsync("true");
        var end = start.Ended ?? await _machine.WaitForEndAsync();
        Assert.Equal((SessionEndKind.SetupFailed, 9), (end.Kind, end.ExitCode));
        Assert.Contains("npm: no such package", end.Failure!.Message);
        Assert.Equal(MachineFailureKind.Request, end.Failure.Kind);
    }

    [Fact]
    public async Task What_cannot_be_started_says_why_and_what_to_do()
    {
        _machine.Agents.IsMissing = true;
        var missing = (await _machine.StartAsync("true")).Ended!.Failure!;
        Assert.Contains("not installed", missing.Message);
        Assert.Equal(MachineFailureKind.Machine, missing.Kind);
        _machine.Agents.IsMissing = false;
        File.Delete(_machine.Folder.PathOf(SessionFiles.Stop));
        _machine.Restart(configureMachine: options => options.SessionHostPath = "/no/such/host");
        Assert.Contains("/no/such/host", (await _machine.StartAsync("true")).Ended!.Failure!.Message);
        File.Delete(_machine.Folder.PathOf(SessionFiles.Stop));
        var broken = _machine.Scratch.Script("broken-host", "echo 'the runtime is missing' >&2; exit 131");
        _machine.Restart(configureMachine: options => options.SessionHostPath = broken);
        var end = (await _machine.StartAsync("true")).Ended!;
        Assert.Equal(SessionEndKind.SetupFailed, end.Kind);
        Assert.Contains("the runtime is missing", end.Failure!.Message);
        Assert.False(TerminalSockets.IsAlive(_machine.Socket));
    }

    [Fact]
    public async Task A_session_whose_start_has_failed_never_starts()
    {
        _machine.Agents.IsMissing = true;
        Assert.Equal(SessionEndKind.SetupFailed, (await _machine.StartAsync("touch ran")).Ended!.Kind);

        // The task asks again before it hears of the end, which will be its own: nobody would ever look after this agent.
        _machine.Agents.IsMissing = false;
        Assert.Equal(SessionEndKind.NotStarted, (await _machine.StartAsync("touch ran")).Ended!.Kind);
        Assert.False(_machine.Folder.Has(SessionFiles.Started));
    }

    [Fact]
    public async Task A_terminal_that_is_killed_before_its_host_has_begun_is_opened_once_more()
    {
        var host = _machine.Scratch.Script(
            "killed-host", $"if mkdir '{_machine.Scratch.At("was-here")}'; then sleep 0.3; kill -9 $PPID; exit; fi; exec {HostedSession.HostPath} \"$1\"");
        _machine.Restart(configureMachine: options => options.SessionHostPath = host);
        var start = await _machine.StartAsync("echo hello >hello");
        Assert.True(start.Started is not null, start.Ended?.Failure?.Message);
        var end = await _machine.WaitForEndAsync();
        Assert.Equal((SessionEndKind.Exited, 0), (end.Kind, end.ExitCode));
        Assert.Equal("hello\n", _machine.Made("hello"));
    }

    [Fact]
    public void A_home_whose_sockets_would_have_too_long_a_path_is_refused()
    {
        var error = Assert.Throws<InvalidOperationException>(() => new TerminalSockets(new OrchestratorHome("/" + new string('x', 90))));
        Assert.Contains("at most 103", error.Message);
    }

    private string PaneText() => _machine.Tmux.ReadPaneAsync("t-1", CancellationToken.None).GetAwaiter().GetResult()?.Text ?? "";

    private static string Read(int pid)
    {
        try
        {
            return File.ReadAllText($"/proc/{pid}/cmdline");
        }
        catch (IOException)
        {
            return "";
        }
    }
}
