using Orchestrator.Contracts.Sessions;
using Orchestrator.Interfaces.Machines;
using Orchestrator.Silo.Machines.Terminals;
using Orchestrator.Silo.Processes;

namespace Orchestrator.Silo.Machines.Sessions;

/// <summary>Opens a lost view again: the pane that the host was started in is gone for good, so the new one follows the transcript (<c>tail -F</c>).</summary>
internal sealed partial class SessionViews(Tmux tmux, ILogger<SessionViews> logger)
{
    /// <summary>Does nothing when the view is there. Never fails for what tmux does: the agent works without it.</summary>
    public async Task EnsureAsync(SessionFolder folder, CancellationToken cancellationToken)
    {
        if (tmux.IsAlive(folder.Session.TaskId)) return;
        try
        {
            await tmux.StartAsync(folder.Session.TaskId, ["tail", "-n", "2000", "-F", folder.PathOf(SessionFiles.Transcript)], cancellationToken);
            LogOpened(folder.Session);
        }
        catch (ToolFailedException failure)
        {
            LogNotOpened(failure, folder.Session);
        }
    }

    [LoggerMessage(1, LogLevel.Warning, "Session {Session}: its terminal was gone and is opened again")]
    private partial void LogOpened(SessionName session);

    [LoggerMessage(2, LogLevel.Warning, "Session {Session}: its terminal is gone and cannot be opened again; the agent works on")]
    private partial void LogNotOpened(Exception failure, SessionName session);
}
