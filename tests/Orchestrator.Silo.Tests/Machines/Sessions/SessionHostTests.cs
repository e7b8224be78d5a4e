using Orchestrator.Contracts.Sessions;
using Orchestrator.Processes;
using Orchestrator.Testing;

namespace Orchestrator.Silo.Tests.Machines.Sessions;

public sealed class SessionHostTests : IDisposable
{
    private readonly HostedSession _session = new();

    public void Dispose() => _session.Dispose();

    [Fact]
    public async Task An_agents_output_and_end_are_written_down()
    {
        var exit = await _session.Launch("cat; echo; echo two >&2; printf 'last'; exit 3", "the prompt").RunAsync();
        Assert.Equal((SessionExitKind.AgentExited, 3, null, false), (exit.Kind, exit.ExitCode, exit.Signal, exit.WasStopped));
        Assert.Equal(["the prompt", "last"], _session.Events.Where(said => said.Source == "out").Select(said => said.Text));
        Assert.Equal(["two"], _session.Events.Where(said => said.Source == "err").Select(said => said.Text));
        Assert.Equal(Enumerable.Range(1, _session.Events.Count).Select(n => (long)n), _session.Events.Select(said => said.Number));
        Assert.Equal("two\n", File.ReadAllText(_session.At(SessionFiles.StandardError)));
        Assert.Contains("the prompt", _session.Transcript);
    }

    [Fact]
    public async Task Signals_and_missing_programs_are_told_apart()
    {
        Assert.Equal(9, (await _session.Launch("kill -KILL $$").RunAsync()).Signal);
        using var other = new HostedSession();
        var exit = await other.Launch("", change: launch => launch with { Arguments = ["no-such-agent"] }).RunAsync();
        Assert.Equal(SessionExitKind.AgentNotStarted, exit.Kind);
        Assert.Contains("no-such-agent", exit.Message);
    }

    [Fact]
    public async Task A_second_host_is_refused_while_the_first_runs_and_afterwards()
    {
        _session.Launch("echo up; read line < /dev/zero; sleep 60");
        _session.Start();
        await _session.Printed("up");
        Assert.Equal(75, (await StartAnother()).Code);
        _session.Stop();
        await HostedSession.Until(() => File.Exists(_session.At(SessionFiles.Exit)) && !FileLock.IsHeld(_session.At(SessionFiles.Lock)), "the first one's end");
        Assert.Equal(75, (await StartAnother()).Code);
        Assert.Single(_session.Events, said => said.Text == "up");
    }

    [Fact]
    public async Task A_session_that_was_stopped_before_never_starts()
    {
        _session.Launch("touch ran").Stop();
        var exit = await _session.RunAsync();
        Assert.Equal((SessionExitKind.StoppedBeforeStart, true), (exit.Kind, exit.WasStopped));
        Assert.False(File.Exists(Path.Combine(_session.Worktree, "ran")));
    }

    [Fact]
    public async Task The_setup_script_runs_first_in_the_agents_environment()
    {
        var exit = await _session.Setup("echo \"setting up in $PWD\"; echo made > made").Launch("cat made").RunAsync();
        Assert.Equal(0, exit.ExitCode);
        Assert.Equal($"setting up in {_session.Worktree}", _session.Events[0].Text);
        Assert.Equal("setup", _session.Events[0].Source);
        Assert.Contains(_session.Events, said => said is { Source: "out", Text: "made" });
    }

    [Fact]
    public async Task A_setup_script_that_fails_is_the_end()
    {
        var exit = await _session.Setup("echo broken >&2; setsid sleep 100 & exit 4").Launch("touch ran").RunAsync();
        Assert.Equal((SessionExitKind.SetupFailed, 4), (exit.Kind, exit.ExitCode));
        Assert.Contains(_session.Events, said => said is { Source: "setup", Text: "broken" });
        Assert.False(File.Exists(Path.Combine(_session.Worktree, "ran")));
    }

    [Fact]
    public async Task A_setup_script_that_takes_too_long_is_ended()
    {
        var exit = await _session.Setup("setsid sleep 100 & sleep 100").Launch("true", change: launch => launch with { SetupTimeoutSeconds = 1 }).RunAsync();
        Assert.Equal(SessionExitKind.SetupFailed, exit.Kind);
        Assert.Contains("longer than 1 s", exit.Message);
    }

    [Fact]
    public async Task A_setup_script_that_is_not_executable_is_passed_by()
    {
        var exit = await _session.Setup("exit 1", isExecutable: false).Launch("true").RunAsync();
        Assert.Equal(0, exit.ExitCode);
        Assert.Contains(_session.Events, said => said.Source == "host" && said.Text.Contains("not executable"));
    }

    [Fact]
    public async Task What_the_setup_script_leaves_running_serves_the_agent_and_ends_with_it()
    {
        var exit = await _session.Setup("(setsid sh -c 'echo $$ > daemon; while :; do sleep 1; done' &)").Launch("until [ -s daemon ]; do sleep 0.05; done; kill -0 $(cat daemon)").RunAsync();
        Assert.Equal(0, exit.ExitCode);
    }

    [Fact]
    public async Task A_daemon_that_is_left_behind_is_ended_and_is_no_failure()
    {
        var exit = await _session.Launch("(setsid sleep 1000 &); setsid env -i /bin/sh -c 'trap \"\" TERM; while :; do sleep 1; done' & echo done").RunAsync();
        Assert.Equal((SessionExitKind.AgentExited, 0, false), (exit.Kind, exit.ExitCode, exit.WasStopped));
        Assert.Contains(_session.Events, said => said.Text == "done");
    }

    [Fact]
    public async Task A_stop_interrupts_an_agent_that_then_ends_by_itself()
    {
        _session.Launch("trap 'echo interrupted; exit 5' INT; echo up; while :; do sleep 0.05; done");
        var host = _session.Start();
        var ended = host.WaitForExitAsync();
        await _session.Printed("up");
        _session.Stop(graceSeconds: 30);
        Assert.True(host.Identity.Send(Signals.Terminate));
        await ended.Within("the host's end");
        Assert.Equal((5, true), (_session.Exit.ExitCode, _session.Exit.WasStopped));
        Assert.Contains(_session.Events, said => said.Text == "interrupted");
    }

    [Fact]
    public async Task A_stop_kills_an_agent_that_ignores_all_else_with_all_its_descendants()
    {
        _session.Launch("trap 'echo no' INT TERM; (setsid sh -c 'trap \"\" INT TERM; while :; do sleep 1; done' &); echo up; while :; do sleep 0.05; done");
        var ended = _session.Start().WaitForExitAsync();
        await _session.Printed("up");
        // No signal: the file alone is enough.
        _session.Stop(graceSeconds: 2);
        await ended.Within("the host's end");
        Assert.Equal((Signals.Kill, true), (_session.Exit.Signal, _session.Exit.WasStopped));
        Assert.Equal(2, _session.Events.Count(said => said.Text == "no"));
        Assert.Empty(_session.Tree.FindAlive());
    }

    [Fact]
    public async Task An_interrupt_of_the_host_is_relayed_and_hanging_up_is_not_heeded()
    {
        _session.Launch("trap 'echo interrupted' INT; echo up; for i in $(seq 40); do sleep 0.05; done; echo on");
        var host = _session.Start();
        var ended = host.WaitForExitAsync();
        await _session.Printed("up");
        Signals.Send(host.Pid, Signals.Hangup);
        Signals.Send(host.Pid, Signals.Quit);
        Signals.Send(host.Pid, Signals.Interrupt);
        await _session.Printed("interrupted");
        await ended.Within("the host's end");
        Assert.Equal((0, false), (_session.Exit.ExitCode, _session.Exit.WasStopped));
    }

    [Fact]
    public async Task A_terminal_that_vanishes_or_stops_does_not_hold_up_the_agent()
    {
        // Nobody reads the host's output: the pipe is full after 64 KiB, and broken after that.
        _session.Launch("for i in $(seq 20000); do echo \"a line of output that fills the pipe $i\"; done; echo finished");
        var host = _session.Start();
        var ended = host.WaitForExitAsync();
        await _session.Printed("finished");
        host.StandardOutput.Dispose();
        await ended.Within("the host's end");
        Assert.Equal(0, _session.Exit.ExitCode);
        Assert.Equal(20001, _session.Events.Count(said => said.Source == "out"));
    }

    [Fact]
    public async Task A_host_that_cannot_name_its_agent_keeps_it_and_tells_its_end()
    {
        // What a full disk does: started.json can be written before the setup script, and not before the agent.
        var exit = await _session.Setup($"rm '{_session.At(SessionFiles.Started)}' && mkdir '{_session.At(SessionFiles.Started)}'").Launch("echo worked; exit 4").RunAsync();
        Assert.Equal((SessionExitKind.AgentExited, 4), (exit.Kind, exit.ExitCode));
        Assert.Contains(_session.Events, said => said.Source == "host" && said.Text.StartsWith("started.json cannot be written", StringComparison.Ordinal));
        Assert.Contains(_session.Events, said => said.Text == "worked");
    }

    [Fact]
    public async Task The_last_word_is_tried_again_until_it_can_be_written()
    {
        _session.Launch($"mkdir '{_session.At(SessionFiles.Exit)}'; exit 4");
        var ended = _session.Start().WaitForExitAsync();
        await _session.Printed("The session has ended");
        Assert.True(FileLock.IsHeld(_session.At(SessionFiles.Lock)));
        Directory.Delete(_session.At(SessionFiles.Exit));
        Assert.True((await ended.Within("the host's end")).IsSuccess);
        Assert.Equal(4, _session.Exit.ExitCode);
    }

    private async Task<ChildExit> StartAnother()
    {
        using var another = ChildProcess.Start(new ChildProcessStart
        {
            Arguments = [HostedSession.HostPath, _session.Folder],
            WorkingDirectory = _session.Worktree,
            Environment = new Dictionary<string, string> { ["PATH"] = "/usr/bin:/bin", ["DOTNET_ROOT"] = HostedSession.DotnetRoot },
        });
        return await another.WaitForExitAsync().Within("the second host's end");
    }
}
