using Orchestrator.Contracts.Sessions;
using Orchestrator.Processes;

namespace Orchestrator.Silo.Machines.Sessions;

/// <summary>Ends what a host left behind that died without ending it: processes with the session's marker, of the agent's own session, and their descendants.</summary>
internal static class SessionLeftovers
{
    /// <summary>Ends when none of them lives any more. Processes of another boot are gone with it.</summary>
    /// <param name="folder">The session's.</param>
    /// <param name="started">Who ran.</param>
    /// <param name="remark">Told what cannot be ended; that is let live.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public static async Task EndAsync(SessionFolder folder, SessionStarted started, Action<string> remark, CancellationToken cancellationToken)
    {
        if (started.BootId != ProcessIdentity.CurrentBootId) return;
        var tree = new ProcessTree(folder.Path) { Remark = remark };
        if (started is { AgentPid: { } pid, AgentStartTime: { } startTime }) tree.WithSessionOf(new ProcessIdentity(pid, startTime, started.BootId));
        // Reading the process table and waiting for the killed to go blocks a thread.
        await Task.Run(() => tree.KillAll(cancellationToken), CancellationToken.None);
        cancellationToken.ThrowIfCancellationRequested();
    }
}
