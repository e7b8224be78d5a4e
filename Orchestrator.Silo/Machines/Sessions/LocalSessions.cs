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

namespace Orchestrator.Silo.Machines.Sessions;

/// <summary>
/// Sessions on this machine: a session host in a tmux pane for each. What is there is read from the session's folder each time, so that a service that was just started finds
/// what a former one began.
/// </summary>
internal sealed partial class LocalSessions(
    OrchestratorHome home, IAgentTable agents, SessionStarter starter, SessionWatch watch, SessionViews views, SessionReports reports, Tmux tmux,
    IOptions<SessionOptions> options, TimeProvider clock, ILogger<LocalSessions> logger) : ISessions
{
    private static readonly TimeSpan HostEndPatience = TimeSpan.FromSeconds(2);
    private readonly ConcurrentDictionary<SessionName, Task<SessionStart>> _starting = new();

    public async Task<SessionStart> StartAsync(SessionRequest request, CancellationToken cancellationToken)
    {
        // Who asks again while it starts gets the same answer. A start is not given up with its first caller.
        var start = _starting.GetOrAdd(request.Session, _ => Task.Run(() => StartOnceAsync(request), CancellationToken.None));
        _ = start.ContinueWith(
            done => _starting.TryRemove(new(request.Session, done)), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        return await start.WaitAsync(cancellationToken);
    }

    public async Task<SessionEndedReport> WaitForEndAsync(SessionName session, string workerType, Worktree? worktree, CancellationToken cancellationToken)
    {
        var folder = new SessionFolder(home, session);
        var end = await watch.WhenEndedAsync(folder, cancellationToken);
        await CleanUpAsync(folder, cancellationToken);
        return reports.Create(folder, end, workerType, worktree);
    }

    public async Task StopAsync(SessionName session, string reason, CancellationToken cancellationToken)
    {
        var folder = new SessionFolder(home, session);
        folder.WriteStop(new SessionStop { Reason = reason, GraceSeconds = options.Value.StopGraceSeconds });
        if (folder.Has(SessionFiles.Exit) || folder.ReadStarted() is not { } started) return;
        LogStop(session, reason);
        if (new ProcessIdentity(started.HostPid, started.HostStartTime, started.BootId).Send(Signals.Terminate)) return;
        if (!folder.IsHeld && !folder.Has(SessionFiles.Exit)) await SessionLeftovers.EndAsync(folder, started, cancellationToken);
    }

    private async Task<SessionStart> StartOnceAsync(SessionRequest request)
    {
        var folder = new SessionFolder(home, request.Session);
        var task = JsonSerializer.Deserialize(request.RequestJson, TaskRequestJsonContext.Default.TaskRequest) ?? throw new ArgumentException("The request is null.", nameof(request));
        var (agent, unavailable) = Launch(request, task);
        if (await FindAsync(folder) is { } found) return Answer(found, agent);
        if (agent is null) return NotStarted(folder, new MachineFailure(unavailable!));
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

    /// <summary>What a former call began; null when nothing, and nothing forbids to begin.</summary>
    private async Task<SessionFolder?> FindAsync(SessionFolder folder)
    {
        if (folder.Has(SessionFiles.Exit)) return folder;
        if (folder.IsHeld)
        {
            LogAdopted(folder.Session);
            await starter.WaitForStartAsync(folder);
            await views.EnsureAsync(folder, CancellationToken.None);
            return folder;
        }

        // Started, and its host is gone: whoever waits for its end learns that it is lost.
        return folder.Has(SessionFiles.Started) || folder.Has(SessionFiles.Stop) || folder.Has(SessionFiles.Exit) ? folder : null;
    }

    private static SessionEnd EndOf(SessionFolder folder) => folder.ReadExit() is { } exit
        ? new(exit.Kind == SessionExitKind.StoppedBeforeStart ? SessionEndKind.NotStarted : SessionEndKind.SetupFailed, exit)
        : new(SessionEndKind.NotStarted, null);

    private SessionStart NotStarted(SessionFolder folder, MachineFailure failure) =>
        new(null, new SessionEndedReport(folder.Session, SessionEndKind.SetupFailed, clock.GetUtcNow(), Failure: failure));

    /// <summary>After the end: the view goes, the transcript stays.</summary>
    private async Task CleanUpAsync(SessionFolder folder, CancellationToken cancellationToken)
    {
        // The host writes its last word and then ends: let it be gone before anyone relies on that.
        var startedAt = clock.GetTimestamp();
        while (folder.IsHeld && clock.GetElapsedTime(startedAt) < HostEndPatience) await Task.Delay(TimeSpan.FromMilliseconds(10), clock, cancellationToken);
        if (!IsViewOfAnother(folder)) await tmux.EndAsync(folder.Session.TaskId, cancellationToken);
    }

    /// <summary>Whether the task's terminal shows a later attempt by now.</summary>
    private bool IsViewOfAnother(SessionFolder folder)
    {
        var task = Path.GetDirectoryName(folder.Path)!;
        return _starting.Keys.Any(session => session.TaskId == folder.Session.TaskId)
            || (Directory.Exists(task) && Directory.GetDirectories(task).Any(other => other != folder.Path && FileLock.IsHeld(Path.Combine(other, SessionFiles.Lock))));
    }

    [LoggerMessage(1, LogLevel.Information, "Session {Session} runs already and is adopted")]
    private partial void LogAdopted(SessionName session);

    [LoggerMessage(2, LogLevel.Information, "Session {Session} is told to stop: {Reason}")]
    private partial void LogStop(SessionName session, string reason);
}
