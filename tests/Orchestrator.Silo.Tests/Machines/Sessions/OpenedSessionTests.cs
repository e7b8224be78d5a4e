using Orchestrator.Contracts.Sessions;
using Orchestrator.Grains.Machines;
using Orchestrator.Interfaces.Machines;
using Orchestrator.Processes;
using Orchestrator.Silo.Machines.Terminals;
using Orchestrator.Testing;

namespace Orchestrator.Silo.Tests.Machines.Sessions;

/// <summary>Sessions whose terminal is opened while their worktree is still being made.</summary>
public sealed class OpenedSessionTests : IDisposable
{
    private readonly SessionMachine _machine = new();

    public void Dispose()
    {
        _machine.Folder.EndExpectation();
        _machine.Dispose();
    }

    [Fact]
    public async Task The_host_that_was_opened_ahead_is_the_one_that_runs_the_agent()
    {
        var host = await OpenAsync();
        await _machine.Sessions.OpenAsync(_machine.Name).Within("a second opening");
        Assert.NotNull((await _machine.StartAsync("exit 4")).Started);
        Assert.Equal(4, (await _machine.WaitForEndAsync()).ExitCode);
        Assert.Equal(host, _machine.Folder.ReadStarted()!.HostPid);
        Assert.False(_machine.Folder.Has(SessionFiles.Expected));
        Assert.False(_machine.Tmux.IsAlive("t-1"));
    }

    [Fact]
    public async Task A_start_right_behind_the_opening_starts_no_second_host()
    {
        await _machine.Sessions.OpenAsync(_machine.Name).Within("the opening");
        Assert.NotNull((await _machine.StartAsync("echo x >> starts")).Started);
        Assert.Equal(SessionEndKind.Exited, (await _machine.WaitForEndAsync()).Kind);
        Assert.Equal("x\n", _machine.Made("starts"));
    }

    [Fact]
    public async Task A_service_that_was_started_anew_uses_the_host_that_waits()
    {
        var host = await OpenAsync();
        _machine.Restart();
        await _machine.Sessions.OpenAsync(_machine.Name).Within("the opening after the restart");
        Assert.NotNull((await _machine.StartAsync("exit 0")).Started);
        await _machine.WaitForEndAsync();
        Assert.Equal(host, _machine.Folder.ReadStarted()!.HostPid);
    }

    [Fact]
    public async Task What_is_closed_leaves_nothing_that_runs_and_may_be_started_later()
    {
        var host = await OpenAsync();
        await _machine.Sessions.CloseAsync(_machine.Name).Within("the closing");
        await HostedSession.Until(() => !_machine.Folder.IsHeld && ProcessTable.Find(host) is null, "the host to be gone");
        Assert.False(Directory.Exists(Path.GetDirectoryName(_machine.Socket)));
        Assert.NotNull((await _machine.StartAsync("exit 5")).Started);
        Assert.Equal(5, (await _machine.WaitForEndAsync()).ExitCode);
    }

    [Fact]
    public async Task What_is_stopped_while_it_waits_never_starts()
    {
        await OpenAsync();
        await _machine.Sessions.StopAsync(_machine.Name, "cancelled", CancellationToken.None);
        var end = await _machine.WaitForEndAsync();
        Assert.Equal((SessionEndKind.NotStarted, true), (end.Kind, end.WasStopped));
        Assert.Null((await _machine.StartAsync("echo x >> starts")).Started);
        Assert.False(File.Exists(Path.Combine(_machine.Worktree.Path, "starts")));
        Assert.False(_machine.Tmux.IsAlive("t-1"));
    }

    [Fact]
    public async Task A_host_that_hangs_while_it_waits_counts_as_never_started_and_starts_nothing_when_it_wakes()
    {
        var (stop, go) = OperatingSystem.IsMacOS() ? (17, 19) : (19, 18);
        var host = await OpenAsync();
        Task<SessionStart> start;

        // It would wake its stopped child.
        Signals.Send(ProcessTable.Find(host)!.Parent, Signals.Kill);
        await HostedSession.Until(() => !TerminalSockets.IsAlive(_machine.Socket), "tmux to be gone");
        Signals.Send(host, stop);
        try
        {
            await _machine.Sessions.StopAsync(_machine.Name, "cancelled", CancellationToken.None).Within("the answer");
            var waiting = _machine.WaitForEndAsync();
            Assert.True(_machine.Folder.IsHeld);
            File.SetLastWriteTimeUtc(_machine.Folder.PathOf(SessionFiles.Stop), TimeProvider.System.GetUtcNow().UtcDateTime.AddMinutes(-2));
            Assert.Equal(SessionEndKind.NotStarted, (await waiting.WaitAsync(TimeSpan.FromSeconds(30))).Kind);
            start = _machine.StartAsync("echo x >> starts");
            await HostedSession.Until(() => _machine.Folder.Has(SessionFiles.Launch), "all that an agent needs to be there");
        }
        finally
        {
            Signals.Send(host, go);
        }

        Assert.Null((await start).Started);
        await HostedSession.Until(() => !_machine.Folder.IsHeld && ProcessTable.Find(host) is null, "the host to be gone");
        Assert.False(File.Exists(Path.Combine(_machine.Worktree.Path, "starts")));
    }

    [Fact]
    public async Task A_start_that_finds_it_stopped_leaves_no_terminal()
    {
        await OpenAsync();
        await _machine.Sessions.StopAsync(_machine.Name, "cancelled", CancellationToken.None);
        await HostedSession.Until(() => _machine.Folder.Has(SessionFiles.Exit), "the host's last word");
        Assert.Equal(SessionEndKind.NotStarted, (await _machine.StartAsync("exit 0")).Ended!.Kind);
        Assert.False(_machine.Tmux.IsAlive("t-1"));
    }

    [Fact]
    public async Task A_host_that_is_killed_while_it_waits_is_replaced_by_the_start()
    {
        var host = await OpenAsync();
        Signals.Send(host, Signals.Kill);
        await HostedSession.Until(() => !_machine.Folder.IsHeld, "the host to be gone");
        Assert.NotNull((await _machine.StartAsync("exit 6")).Started);
        Assert.Equal(6, (await _machine.WaitForEndAsync()).ExitCode);
    }

    [Fact]
    public async Task An_agent_that_is_missing_closes_what_was_opened()
    {
        await OpenAsync();
        _machine.Agents.IsMissing = true;
        Assert.Equal(SessionEndKind.SetupFailed, (await _machine.StartAsync("exit 0")).Ended!.Kind);
        await HostedSession.Until(() => !_machine.Folder.IsHeld, "the host to be gone");
        Assert.False(TerminalSockets.IsAlive(_machine.Socket));
    }

    [Fact]
    public async Task What_has_ended_is_not_opened_again()
    {
        await _machine.StartAsync("exit 0");
        await _machine.WaitForEndAsync();
        await _machine.Sessions.OpenAsync(_machine.Name).Within("the opening");
        await _machine.Sessions.CloseAsync(_machine.Name).Within("the closing");
        Assert.False(_machine.Tmux.IsAlive("t-1"));
        Assert.False(_machine.Folder.Has(SessionFiles.Expected));
    }

    /// <returns>The host that waits.</returns>
    private async Task<int> OpenAsync()
    {
        await _machine.Sessions.OpenAsync(_machine.Name).Within("the opening");
        await HostedSession.Until(() => _machine.Folder.IsHeld, "the host to wait");
        return ProcessTable.ReadAll().Single(entry => IsHost(entry.Pid)).Pid;
    }

    private bool IsHost(int pid)
    {
        try
        {
            return File.ReadAllText($"/proc/{pid}/cmdline").Split('\0') is [var program, var folder, ..] && program.EndsWith("Orchestrator.SessionHost", StringComparison.Ordinal) && folder == _machine.Folder.Path;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
