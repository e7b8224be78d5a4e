using System.Collections.Concurrent;
using System.Text.Json;
using Microsoft.Extensions.Options;
using Orchestrator.Contracts.AgentTasks;
using Orchestrator.Contracts.Sessions;
using Orchestrator.Grains.Machines;
using Orchestrator.Interfaces.Machines;
using Orchestrator.Processes;
using Orchestrator.Silo.Agents;
using Orchestrator.Silo.Configuration;
using Orchestrator.Silo.Machines.Terminals;
using Orchestrator.Silo.Processes;

namespace Orchestrator.Silo.Machines.Sessions;

/// <summary>
/// Sessions on this machine: a session host in a tmux pane for each. What is there is read from the session's folder each time, so that a service that was just started finds
/// what a former one began.
/// </summary>
internal sealed partial class LocalSessions(
    OrchestratorHome home, IAgentTable agents, SessionStarter starter, SessionWatch watch, SessionViews views, SessionReports reports, Tmux tmux,
    IOptions<SessionOptions> options, TimeProvider clock, ILogger<LocalSessions> logger) : ISessions
{
    private static readonly TimeSpan HostEndPatience = TimeSpan.FromSeconds(2), KilledPatience = TimeSpan.FromSeconds(10);
    private readonly ConcurrentDictionary<SessionName, Lazy<Task<SessionStart>>> _starting = new();

    public async Task OpenAsync(SessionName session)
    {
        var folder = new SessionFolder(home, session);
        if (folder.IsHeld || folder.Has(SessionFiles.Launch) || folder.Has(SessionFiles.Stop) || folder.Has(SessionFiles.Started) || folder.Has(SessionFiles.Exit)) return;
        try
        {
            await starter.OpenAsync(folder);
        }
        catch (Exception failure) when (failure is ToolFailedException or IOException or UnauthorizedAccessException)
        {
            LogNotOpened(failure, session);
        }
    }

    public Task CloseAsync(SessionName session)
    {
        var folder = new SessionFolder(home, session);
        return CloseAsync(folder, () => IsViewOfAnother(folder, isStarting: false));
    }

    public async Task<SessionStart> StartAsync(SessionRequest request, CancellationToken cancellationToken)
    {
        // Who asks again while it starts gets the same answer. A start is not given up with its first caller.
        var start = _starting.GetOrAdd(request.Session, _ => new(() => Task.Run(() => StartOnceAsync(request), CancellationToken.None)));
        _ = start.Value.ContinueWith(
            _ => _starting.TryRemove(new(request.Session, start)), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        return await start.Value.WaitAsync(cancellationToken);
    }

    public async Task<SessionEndedReport> WaitForEndAsync(SessionName session, string workerType, Worktree? worktree, ISessionListener? listener, CancellationToken cancellationToken)
    {
        var folder = new SessionFolder(home, session);
        var life = listener is null ? null : new SessionLife(folder, listener, agents.WatchUsage(workerType, folder.Path), options.Value, clock);
        var end = await watch.WhenEndedAsync(folder, life, cancellationToken);
        await CleanUpAsync(folder, isStarting: false, cancellationToken);
        return reports.Create(folder, end, workerType, worktree);
    }

    public async Task StopAsync(SessionName session, string reason, CancellationToken cancellationToken)
    {
        var folder = new SessionFolder(home, session);
        starter.Forget(session);
        try
        {
            folder.WriteStop(new SessionStop { Reason = reason, GraceSeconds = options.Value.StopGraceSeconds });
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException && folder.Has(SessionFiles.Started))
        {
            // A full disk must not keep an agent running; the signal alone is enough.
            LogStopNotWritten(error, session);
        }

        if (folder.Has(SessionFiles.Exit) || folder.ReadStarted() is not { } started) return;
        LogStop(session, reason);
        var host = new ProcessIdentity(started.HostPid, started.HostStartTime, started.BootId);
        if (IsOverdue(folder)) await KillAsync(folder, host, cancellationToken);
        else if (host.Send(Signals.Terminate)) return;
        if (!folder.IsHeld && !folder.Has(SessionFiles.Exit)) await SessionLeftovers.EndAsync(folder, started, remark => LogLeftover(session, remark), cancellationToken);
    }

    /// <summary>Whether it was told to stop so long ago that its host must hang. Stops are repeated, so that this is asked again and again.</summary>
    private bool IsOverdue(SessionFolder folder) => folder.IsStopOverdue(options.Value, clock) && folder.IsHeld;

    /// <summary>Kills a host that hangs, and waits for its lock.</summary>
    private async Task KillAsync(SessionFolder folder, ProcessIdentity host, CancellationToken cancellationToken)
    {
        LogHung(folder.Session);
        host.Send(Signals.Kill);
        var startedAt = clock.GetTimestamp();
        while (folder.IsHeld && clock.GetElapsedTime(startedAt) < KilledPatience) await Task.Delay(TimeSpan.FromMilliseconds(20), clock, cancellationToken);
    }

    private async Task<SessionStart> StartOnceAsync(SessionRequest request)
    {
        var start = await BeginAsync(request);

        // Nobody waits for the end of what ended before it began: the terminal that was opened for it goes here.
        if (start.Ended is not null) await CleanUpAsync(new SessionFolder(home, request.Session), isStarting: true, CancellationToken.None);
        return start;
    }

    private async Task<SessionStart> BeginAsync(SessionRequest request)
    {
        var folder = new SessionFolder(home, request.Session);
        var task = JsonSerializer.Deserialize(request.RequestJson, TaskRequestJsonContext.Default.TaskRequest) ?? throw new ArgumentException("The request is null.", nameof(request));
        var (agent, unavailable) = Launch(request, task);
        var (found, failed) = await FindAsync(folder);
        if (failed is not null) return NotStarted(folder, failed);
        if (found is not null) return Answer(found, agent);
        if (agent is null) return await GiveUpAsync(folder, new MachineFailure(unavailable!, Kind: MachineFailureKind.Machine));
        if (!Directory.Exists(request.Worktree.Path))
            return await GiveUpAsync(folder, new($"The worktree '{request.Worktree.Path}' is gone."), SessionEndKind.WorktreeLost);
        if (await starter.StartAsync(folder, request, task, agent) is { } failure) return NotStarted(folder, failure);
        return Answer(folder, agent);

        SessionStart Answer(SessionFolder ran, AgentLaunch? launch)
        {
            if (ran.ReadExit() is { Kind: not SessionExitKind.AgentExited } || ran.ReadStarted() is not { } started)
                return new(null, reports.Create(ran, EndOf(ran), task.WorkerType, request.Worktree));
            return new(new(ran.Session, started.StartedAt, launch?.Agent ?? task.WorkerType, launch?.CanResume ?? false, tmux.TerminalOf(ran.Session.TaskId)), null);
        }
    }

    private (AgentLaunch? Launch, string? Unavailable) Launch(SessionRequest request, TaskRequest task)
    {
        try
        {
            return (agents.CreateLaunch(request, task), null);
        }
        catch (AgentNotAvailableException unavailable)
        {
            return (null, unavailable.Message);
        }
    }

    /// <summary>What a former call began, or why that will not start; both null when nothing was begun, and nothing forbids to begin.</summary>
    private async Task<(SessionFolder? Found, MachineFailure? Failed)> FindAsync(SessionFolder folder)
    {
        if (folder.Has(SessionFiles.Exit)) return (folder, null);
        if (folder.IsHeld)
        {
            // Its host was opened ahead, and waits.
            if (!folder.Has(SessionFiles.Launch)) return (null, null);
            LogAdopted(folder.Session);
            if (await starter.WaitForStartAsync(folder, isOurs: false) is { } failure) return (null, failure);
            await views.EnsureAsync(folder, CancellationToken.None);
            return (folder, null);
        }

        // Started, and its host is gone: whoever waits for its end learns that it is lost.
        return folder.Has(SessionFiles.Started) || folder.Has(SessionFiles.Stop) || folder.Has(SessionFiles.Exit) ? (folder, null) : (null, null);
    }

    private static SessionEnd EndOf(SessionFolder folder) => folder.ReadExit() is { } exit
        ? new(exit.Kind == SessionExitKind.StoppedBeforeStart ? SessionEndKind.NotStarted : SessionEndKind.SetupFailed, exit)
        : new(SessionEndKind.NotStarted, null);

    private async Task CloseAsync(SessionFolder folder, Func<bool> isViewNeeded)
    {
        if (folder.Has(SessionFiles.Launch)) return;
        starter.Forget(folder.Session);
        if (!folder.Has(SessionFiles.Expected)) return;
        try
        {
            folder.EndExpectation();
            await views.EndAsync(folder.Session.TaskId, isViewNeeded, CancellationToken.None);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // Its host waits until it has had enough.
            LogNotCleanedUp(error, folder.Session);
        }
    }

    private async Task<SessionStart> GiveUpAsync(SessionFolder folder, MachineFailure failure, SessionEndKind kind = SessionEndKind.SetupFailed)
    {
        await CloseAsync(folder, () => false);
        return NotStarted(folder, failure, kind);
    }

    /// <summary>What is said to be over must be over: who asks again meanwhile starts nothing, and a host that comes after all (its tmux took too long) finds that it must not.</summary>
    private SessionStart NotStarted(SessionFolder folder, MachineFailure failure, SessionEndKind kind = SessionEndKind.SetupFailed)
    {
        try
        {
            folder.WriteStop(new SessionStop { Reason = "Its start has failed." });
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // Where nothing can be written no host starts either.
            LogStopNotWritten(error, folder.Session);
        }

        ForgetEnvironment(folder);
        return new(null, new SessionEndedReport(folder.Session, kind, clock.GetUtcNow(), Failure: failure));
    }

    /// <summary>After the end: the view and the agent's keys go, the transcript stays. Whatever fails here, the end is told.</summary>
    private async Task CleanUpAsync(SessionFolder folder, bool isStarting, CancellationToken cancellationToken)
    {
        try
        {
            // The host writes its last word and then ends: let it be gone before anyone relies on that.
            var startedAt = clock.GetTimestamp();
            while (folder.IsHeld && clock.GetElapsedTime(startedAt) < HostEndPatience) await Task.Delay(TimeSpan.FromMilliseconds(10), clock, cancellationToken);
            await views.EndAsync(folder.Session.TaskId, () => IsViewOfAnother(folder, isStarting), cancellationToken);
        }
        catch (Exception error) when (!cancellationToken.IsCancellationRequested)
        {
            LogNotCleanedUp(error, folder.Session);
        }

        // One that starts just now, while somebody waited for a session of which nothing was known, still needs them.
        if (folder.Has(SessionFiles.Exit) || folder.Has(SessionFiles.Started) || folder.Has(SessionFiles.Stop)) ForgetEnvironment(folder);
    }

    private void ForgetEnvironment(SessionFolder folder)
    {
        try
        {
            folder.ForgetEnvironment();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            LogNotCleanedUp(error, folder.Session);
        }
    }

    /// <summary>Whether the task's terminal shows a later attempt by now.</summary>
    /// <param name="folder">The session's.</param>
    /// <param name="isStarting">Whether it is its own start that asks.</param>
    private bool IsViewOfAnother(SessionFolder folder, bool isStarting)
    {
        if (_starting.Keys.Any(session => session.TaskId == folder.Session.TaskId && !(isStarting && session == folder.Session))) return true;
        try
        {
            var task = Path.GetDirectoryName(folder.Path)!;
            return Directory.Exists(task) && Directory.GetDirectories(task).Any(other => other != folder.Path && FileLock.IsHeld(Path.Combine(other, SessionFiles.Lock)));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    [LoggerMessage(1, LogLevel.Information, "Session {Session} runs already and is adopted")]
    private partial void LogAdopted(SessionName session);

    [LoggerMessage(2, LogLevel.Information, "Session {Session} is told to stop: {Reason}")]
    private partial void LogStop(SessionName session, string reason);

    [LoggerMessage(3, LogLevel.Error, "Session {Session}: that it shall stop cannot be written down; its host is signalled")]
    private partial void LogStopNotWritten(Exception error, SessionName session);

    [LoggerMessage(4, LogLevel.Error, "Session {Session}: its host hangs, long after it was told to stop, and is killed")]
    private partial void LogHung(SessionName session);

    [LoggerMessage(5, LogLevel.Warning, "Session {Session}: {Remark}")]
    private partial void LogLeftover(SessionName session, string remark);

    [LoggerMessage(7, LogLevel.Information, "Session {Session} cannot be opened ahead of its start")]
    private partial void LogNotOpened(Exception failure, SessionName session);

    [LoggerMessage(6, LogLevel.Warning, "Session {Session} has ended, and what it left cannot be cleaned up")]
    private partial void LogNotCleanedUp(Exception error, SessionName session);
}
