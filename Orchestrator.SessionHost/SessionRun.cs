using Orchestrator.Contracts.Sessions;
using Orchestrator.Processes;

namespace Orchestrator.SessionHost;

/// <summary>One session from launch to exit: setup script, agent, and whatever they leave behind. Its steps run one after the other on the calling thread.</summary>
internal sealed class SessionRun(SessionFolder folder) : IDisposable
{
    private static readonly TimeSpan LeftoverGrace = TimeSpan.FromSeconds(2), DrainTimeout = TimeSpan.FromSeconds(2), SetupDrainTimeout = TimeSpan.FromMilliseconds(250);
    private readonly SessionControl _control = new(folder);
    private SessionOutput? _output;

    /// <summary>Runs it. Never throws for what the session's programs do.</summary>
    /// <exception cref="IOException">The folder cannot be written.</exception>
    internal SessionExit Run()
    {
        if (folder.Has(SessionFiles.Stop)) return End(SessionExitKind.StoppedBeforeStart, null, "It was stopped before it started.");
        SessionLaunch launch;
        try
        {
            launch = folder.ReadLaunch();
        }
        catch (Exception error) when (error is FormatException or IOException or UnauthorizedAccessException)
        {
            return End(SessionExitKind.AgentNotStarted, null, $"{SessionFiles.Launch} cannot be read: {error.Message}");
        }

        _output = new SessionOutput(folder, launch);
        _control.Begin(launch, _output);
        // Written before anything runs: from here on nobody starts this session a second time, whatever happens to this process.
        var started = new SessionStarted { StartedAt = Now, HostPid = Environment.ProcessId, HostStartTime = ProcessIdentity.Own.StartTime, BootId = ProcessIdentity.CurrentBootId };
        folder.WriteStarted(started, isFlushed: true);
        var exit = RunSetup(launch) ?? RunAgent(launch, started);
        _output.Finish(exit);
        return exit with { OutputBytesCut = _output.BytesCut };
    }

    public void Dispose()
    {
        _control.Dispose();
        _output?.Dispose();
    }

    private static DateTimeOffset Now => TimeProvider.System.GetUtcNow();

    /// <summary>Null when the agent may run.</summary>
    private SessionExit? RunSetup(SessionLaunch launch)
    {
        if (launch.SetupScript is null || FindSetupScript(launch) is not { } script) return null;
        var timeout = TimeSpan.FromSeconds(launch.SetupTimeoutSeconds);
        ChildExit exit;
        ChildProcess? child;
        try
        {
            child = _control.Start(StartOf(launch, [script], hasInput: false));
        }
        catch (ChildProcessException error)
        {
            return EndAll(SessionExitKind.SetupFailed, null, $"The setup script could not be started: {error.Message}");
        }

        if (child is null) return End(SessionExitKind.StoppedBeforeStart, null, "It was stopped before the setup script ran.");
        var pumps = _output!.Follow(child, "setup", "setup");
        using var deadline = new SetupDeadline(timeout, () => _control.Kill(child));
        exit = _control.WaitForExit(child);
        _control.ChildIsGone();
        deadline.Dispose();
        if (_control.IsStopping) return EndAll(SessionExitKind.StoppedBeforeStart, exit, "It was stopped while the setup script ran.", pumps);
        if (deadline.IsOver)
            return EndAll(SessionExitKind.SetupFailed, exit, $"The setup script {launch.SetupScript} took longer than {timeout.TotalSeconds:0} s and was ended.", pumps);
        if (!exit.IsSuccess) return EndAll(SessionExitKind.SetupFailed, exit, $"The setup script {launch.SetupScript} failed: {exit}.", pumps);
        // What it started and left running, such as a database, is the agent's to use; it is ended with the session, and its output is read until then.
        SessionOutput.WaitForEnd(pumps, SetupDrainTimeout);
        _output.Keep(child);
        return null;
    }

    private string? FindSetupScript(SessionLaunch launch)
    {
        var path = Path.Combine(launch.WorkingDirectory, launch.SetupScript!);
        if (ChildProcess.IsExecutable(path)) return path;
        if (File.Exists(path)) _output!.Remark($"{launch.SetupScript} is not executable and is not run.");
        return null;
    }

    private SessionExit RunAgent(SessionLaunch launch, SessionStarted started)
    {
        ChildProcess? child;
        try
        {
            child = _control.Start(StartOf(launch, launch.Arguments, hasInput: true));
        }
        catch (ChildProcessException error)
        {
            return EndAll(SessionExitKind.AgentNotStarted, null, error.Message);
        }

        if (child is null) return EndAll(SessionExitKind.StoppedBeforeStart, null, "It was stopped before the agent ran.");
        using var feed = new StandardInputFeed(folder, launch.Input, child.StandardInput!);
        var pumps = _output!.Follow(child, "out", "err", feed);
        _control.Feed(feed);
        started = started with { AgentPid = child.Pid, AgentStartTime = child.Identity.StartTime };
        var isNamed = TryName(started);
        var exit = _control.WaitForExit(child);
        _control.ChildIsGone();
        var end = EndAll(SessionExitKind.AgentExited, exit, null, pumps);
        child.Dispose();
        if (!isNamed) _ = TryName(started);
        return end;
    }

    /// <summary>Writes down who the agent is. It runs already: a full disk must not make an orphan of it.</summary>
    private bool TryName(SessionStarted started)
    {
        try
        {
            folder.WriteStarted(started, isFlushed: true);
            return true;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            _output!.Remark($"{SessionFiles.Started} cannot be written, and does not name the agent: {error.Message}");
            return false;
        }
    }

    /// <summary>Ends every process that is left, then waits for the last of the output.</summary>
    private SessionExit EndAll(SessionExitKind kind, ChildExit? exit, string? message, params OutputPump[] pumps)
    {
        try
        {
            EndLeftovers();
        }
        catch (Exception error)
        {
            // How the agent ended must be told in any case.
            _output!.Remark($"What the session left behind could not be ended: {error.Message}");
        }

        SessionOutput.WaitForEnd(pumps, DrainTimeout);
        return End(kind, exit, message);
    }

    private void EndLeftovers()
    {
        var tree = _control.NewTree(null);
        tree.ReapsStrangers = true;
        // After a stop everything had its time; after an exit what is left gets a moment, and is no failure.
        if (tree.Send(Signals.Terminate) == 0 || tree.WaitUntilGone(LeftoverGrace)) return;
        _output!.Remark("Processes that the session left behind are ended.");
        tree.KillAll();
    }

    private SessionExit End(SessionExitKind kind, ChildExit? exit, string? message) => new()
    {
        Kind = kind,
        ExitCode = exit?.Code,
        Signal = exit?.Signal,
        EndedAt = Now,
        Message = message,
        WasStopped = kind == SessionExitKind.StoppedBeforeStart || _control.WasStopped,
    };

    private static ChildProcessStart StartOf(SessionLaunch launch, IReadOnlyList<string> arguments, bool hasInput) => new()
    {
        Arguments = arguments,
        Environment = launch.Environment,
        WorkingDirectory = launch.WorkingDirectory,
        HasInput = hasInput,
    };
}
