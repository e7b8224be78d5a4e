using System.Collections.Concurrent;
using Orchestrator.Contracts.Sessions;
using Orchestrator.Grains.Machines;
using Orchestrator.Interfaces.AgentTasks;
using Orchestrator.Interfaces.Machines;
using Orchestrator.Silo.Machines.Sessions;

namespace Orchestrator.Silo.Tests.Machines.Sessions;

/// <summary>Real sessions that are silent, and what is told of them.</summary>
public sealed class SessionLifeTests : IDisposable
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(2);
    private readonly SessionMachine _machine = new();
    private readonly Notices _notices = new();

    public SessionLifeTests()
    {
        _machine.Restart(options => options.InactivityTimeout = Timeout);
        _machine.Listener = _notices;
    }

    public void Dispose() => _machine.Dispose();

    [Fact]
    public async Task A_session_without_output_and_work_is_told_to_be_silent_again_and_again_until_it_is_stopped()
    {
        await _machine.StartAsync("echo working; tail -f /dev/null");
        await _machine.Printed("working");
        var end = _machine.WaitForEndAsync();
        await _notices.StalledAsync(times: 3);
        var silence = TimeProvider.System.GetUtcNow() - _notices.Stalls.First();
        Assert.InRange(silence.TotalSeconds, Timeout.TotalSeconds, 60);
        await _machine.Sessions.StopAsync(_machine.Name, "no sign of life", CancellationToken.None);
        var report = await end;
        Assert.Equal((SessionEndKind.Exited, true), (report.Kind, report.WasStopped));
    }

    [Fact]
    public async Task A_service_that_was_started_again_takes_the_files_time_and_finds_the_silence()
    {
        await _machine.StartAsync("echo working; tail -f /dev/null");
        await _machine.Printed("working");
        await HostedSession.Until(() => _machine.Folder.ReadStarted()?.AgentPid is not null, "the host's last word about the start");
        File.SetLastWriteTimeUtc(_machine.Folder.PathOf(SessionFiles.Events), TimeProvider.System.GetUtcNow().UtcDateTime.AddHours(-1));
        File.SetLastWriteTimeUtc(_machine.Folder.PathOf(SessionFiles.Started), TimeProvider.System.GetUtcNow().UtcDateTime.AddHours(-1));

        // The output is an hour old; that nothing works either has to be seen first.
        _machine.Restart(options => options.InactivityTimeout = TimeSpan.FromSeconds(4));
        _ = _machine.WaitForEndAsync();
        await _notices.StalledAsync(times: 1);
        Assert.InRange((TimeProvider.System.GetUtcNow() - _notices.Stalls.First()).TotalMinutes, 59, 61);
    }

    [Theory]
    [InlineData("a child that works", "(while [ ! -e go ]; do :; done) & wait; echo done")]
    [InlineData("one that has left the session", "setsid bash -c 'while [ ! -e go ]; do :; done' & wait; echo done")]
    [InlineData("many short programs", "while [ ! -e go ]; do head -c 2000000 /dev/zero | sha256sum >/dev/null; done; echo done")]
    [InlineData("dots without an end of line", "while [ ! -e go ]; do printf .; sleep 0.3; done; echo done")]
    public async Task Work_and_output_of_any_kind_are_signs_of_life(string what, string script)
    {
        await _machine.StartAsync(script);
        var end = _machine.WaitForEndAsync();
        var since = TimeProvider.System.GetTimestamp();
        await HostedSession.Until(() => TimeProvider.System.GetElapsedTime(since) > Timeout * 2, $"{what}: time to pass");
        Assert.True(_notices.Stalls.IsEmpty, what);
        await File.WriteAllTextAsync(Path.Combine(_machine.Worktree.Path, "go"), "");
        Assert.Equal(0, (await end).ExitCode);
    }

    [Fact]
    public async Task A_setup_script_has_a_deadline_of_its_own_and_may_be_silent()
    {
        var script = Path.Combine(_machine.Worktree.Path, SessionPreparation.SetupScript);
        Directory.CreateDirectory(Path.GetDirectoryName(script)!);
        await File.WriteAllTextAsync(script, "#!/bin/bash\necho setting up\nuntil [ -e go ]; do sleep 0.1; done\n");
        Orchestrator.Testing.ScratchFolder.SetMode(script, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        await _machine.StartAsync("echo agent; tail -f /dev/null");
        await _machine.Printed("setting up");
        var end = _machine.WaitForEndAsync();
        var since = TimeProvider.System.GetTimestamp();
        await HostedSession.Until(() => TimeProvider.System.GetElapsedTime(since) > Timeout * 2, "time to pass");
        Assert.Empty(_notices.Stalls);
        await File.WriteAllTextAsync(Path.Combine(_machine.Worktree.Path, "go"), "");
        await _notices.StalledAsync(times: 1);
        Assert.False(end.IsCompleted);
    }

    private sealed class Notices : ISessionListener
    {
        public ConcurrentQueue<DateTimeOffset> Stalls { get; } = new();

        public void Stalled(DateTimeOffset since) => Stalls.Enqueue(since);

        public void Used(AgentUsage usage) => throw new InvalidOperationException("Nothing here says what it uses.");

        public Task StalledAsync(int times) => HostedSession.Until(() => Stalls.Count >= times, $"{times} notices of silence");
    }
}
