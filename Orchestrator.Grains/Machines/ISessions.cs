using Orchestrator.Interfaces.Machines;

namespace Orchestrator.Grains.Machines;

/// <summary>Starts, watches and stops sessions on this machine. Every method may be repeated after a crash at any point, and may be called for many sessions at once.</summary>
public interface ISessions
{
    /// <summary>
    /// Opens the terminal of a session whose start is expected, so that <see cref="StartAsync"/> has less to do. May be left out; never fails for what the machine does: that is found by the
    /// start. A session that has been opened or started before is left as it is.
    /// </summary>
    Task OpenAsync(SessionName session);

    /// <summary>Gives up what <see cref="OpenAsync"/> opened: nothing will be started, for now. It may be opened or started again. A session that has been started is left as it is.</summary>
    Task CloseAsync(SessionName session);

    /// <summary>
    /// Starts a session, or finds the one that a former call started, running or ended. Returns once the agent (or the setup script before it) runs, or the session has ended.
    /// </summary>
    Task<SessionStart> StartAsync(SessionRequest request, CancellationToken cancellationToken);

    /// <summary>
    /// Ends when the session does, and every process of it is gone; at once for one that has ended. A session whose host is gone without a word is <see cref="SessionEndKind.Lost"/>: what
    /// is left of its processes is ended first. A session that was never started is <see cref="SessionEndKind.NotStarted"/>. Cancelling ends the wait, not the session.
    /// </summary>
    /// <param name="session">Which one.</param>
    /// <param name="workerType">Its row in the agents table.</param>
    /// <param name="worktree">Where it works; null when there is none.</param>
    /// <param name="listener">Told, on any thread, what happens meanwhile; null: nobody is.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    Task<SessionEndedReport> WaitForEndAsync(SessionName session, string workerType, Worktree? worktree, ISessionListener? listener, CancellationToken cancellationToken);

    /// <summary>Tells the session to end: interrupt, after ten seconds kill, every descendant. Returns at once; <see cref="WaitForEndAsync"/> tells when it has ended. One that has never started never will.</summary>
    Task StopAsync(SessionName session, string reason, CancellationToken cancellationToken);
}

/// <summary>What <see cref="ISessions.StartAsync"/> found: one of the two.</summary>
/// <param name="Started">It runs, or ran.</param>
/// <param name="Ended">It could not be started.</param>
public sealed record SessionStart(SessionStartedReport? Started, SessionEndedReport? Ended);
