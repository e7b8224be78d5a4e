using Orchestrator.Contracts.Sessions;
using Orchestrator.Interfaces.Machines;
using Orchestrator.Silo.Machines.Terminals;
using Orchestrator.Silo.Processes;

namespace Orchestrator.Silo.Machines.Sessions;

/// <summary>
/// Opens and ends the tasks' views, for each task one after the other: a view that is opened while another ends it would be nobody's. A lost view is opened again: the pane that
/// the host was started in is gone for good, so the new one follows the transcript (<c>tail -F</c>).
/// </summary>
internal sealed partial class SessionViews(Tmux tmux, ILogger<SessionViews> logger)
{
    // Shared by tasks that fall on the same one, so that they need not be counted and removed.
    private readonly SemaphoreSlim[] _turns = [.. Enumerable.Range(0, 64).Select(_ => new SemaphoreSlim(1, 1))];

    /// <summary>Starts the command in a view of the task's own; a former view is ended.</summary>
    /// <exception cref="ToolFailedException">tmux is missing, or failed twice.</exception>
    public async Task StartAsync(string taskId, IReadOnlyList<string> command, CancellationToken cancellationToken)
    {
        using var turn = await TakeTurnAsync(taskId, cancellationToken);
        await tmux.StartAsync(taskId, command, cancellationToken);
    }

    /// <summary>Does nothing when the view is there, or the session has ended. Never fails for what tmux does: the agent works without it.</summary>
    public async Task EnsureAsync(SessionFolder folder, CancellationToken cancellationToken)
    {
        var taskId = folder.Session.TaskId;
        if (tmux.IsAlive(taskId)) return;
        using var turn = await TakeTurnAsync(taskId, cancellationToken);
        if (tmux.IsAlive(taskId) || folder.Has(SessionFiles.Exit)) return;
        try
        {
            await tmux.StartAsync(taskId, ["tail", "-n", "2000", "-F", folder.PathOf(SessionFiles.Transcript)], cancellationToken);
            LogOpened(folder.Session);
        }
        catch (ToolFailedException failure)
        {
            LogNotOpened(failure, folder.Session);
        }

        // It ended while its view was opened, and whoever ends views may have been here before.
        if (folder.Has(SessionFiles.Exit)) await tmux.EndAsync(taskId, cancellationToken);
    }

    /// <summary>Ends the task's view, unless it is needed. Never fails for what tmux does.</summary>
    public async Task EndAsync(string taskId, Func<bool> isNeeded, CancellationToken cancellationToken)
    {
        using var turn = await TakeTurnAsync(taskId, cancellationToken);
        if (!isNeeded()) await tmux.EndAsync(taskId, cancellationToken);
    }

    private async Task<Turn> TakeTurnAsync(string taskId, CancellationToken cancellationToken)
    {
        var turn = _turns[(StringComparer.Ordinal.GetHashCode(taskId) & int.MaxValue) % _turns.Length];
        await turn.WaitAsync(cancellationToken);
        return new Turn(turn);
    }

    [LoggerMessage(1, LogLevel.Warning, "Session {Session}: its terminal was gone and is opened again")]
    private partial void LogOpened(SessionName session);

    [LoggerMessage(2, LogLevel.Warning, "Session {Session}: its terminal is gone and cannot be opened again; the agent works on")]
    private partial void LogNotOpened(Exception failure, SessionName session);

    private sealed class Turn(SemaphoreSlim semaphore) : IDisposable
    {
        public void Dispose() => semaphore.Release();
    }
}
