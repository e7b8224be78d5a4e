using System.Runtime.InteropServices;
using Orchestrator.Interfaces.Machines;
using Orchestrator.Silo.Configuration;
using Orchestrator.Silo.Processes;

namespace Orchestrator.Silo.Machines.Terminals;

/// <summary>
/// tmux (3.0 and newer; tmux(1)): one server for each task, on a socket of its own, with one session <c>cc-task-&lt;taskId&gt;</c>. It is the view of a session, never its life.
/// Targets are written <c>=name:</c>, because <c>name</c> also matches what only begins so. What runs is handed over as two or more arguments: one alone would go through a shell.
/// </summary>
internal sealed class Tmux(ToolRunner tools, TerminalSockets sockets, OrchestratorHome home, TimeProvider clock)
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(20), EndDeadline = TimeSpan.FromSeconds(2);

    // What a view needs; the rest of what tools get (proxies, agents of SSH) stays away from a server that hands its environment to everything in it.
    private static readonly Dictionary<string, string?> Environment = new(StringComparer.Ordinal)
    {
        ["DOTNET_ROOT"] = DotnetRoot(),
        // A host that is killed would leave its debugger's pipes in the temporary folder, and nobody who can reach those is to look into one.
        ["DOTNET_EnableDiagnostics"] = "0",
        ["SSH_AUTH_SOCK"] = null,
        ["XDG_CONFIG_HOME"] = null,
        ["XDG_RUNTIME_DIR"] = null,
        ["HTTP_PROXY"] = null,
        ["HTTPS_PROXY"] = null,
        ["ALL_PROXY"] = null,
        ["NO_PROXY"] = null,
        ["http_proxy"] = null,
        ["https_proxy"] = null,
        ["all_proxy"] = null,
        ["no_proxy"] = null,
        ["SSL_CERT_FILE"] = null,
        ["SSL_CERT_DIR"] = null,
    };

    /// <summary>The name of a task's session.</summary>
    public static string NameOf(string taskId) => $"cc-task-{taskId}";

    /// <summary>Where people can watch a task.</summary>
    public TerminalSession TerminalOf(string taskId)
    {
        var socket = sockets.FindAlive(taskId) ?? sockets.PathsOf(taskId)[0];
        return new(NameOf(taskId), $"tmux -S {socket} attach -t ={NameOf(taskId)}:");
    }

    /// <summary>Starts the task's server with one pane that runs the command; a server that a former attempt left is ended first. When that fails, once more on a new socket.</summary>
    /// <exception cref="ToolFailedException">tmux is missing, or failed twice.</exception>
    public async Task StartAsync(string taskId, IReadOnlyList<string> command, CancellationToken cancellationToken)
    {
        await EndServersAsync(taskId, cancellationToken);
        // The task's agent may run already and have its own sockets there.
        sockets.RemoveSockets(taskId);
        sockets.Create(taskId);
        var paths = sockets.PathsOf(taskId);
        try
        {
            await StartAsync(paths[0], taskId, command, cancellationToken);
        }
        catch (ToolFailedException failure) when (failure.Kind != ToolFailureKind.Missing)
        {
            // Whatever is wrong with that socket or server: another one may do.
            await StartAsync(paths[1], taskId, command, cancellationToken);
        }
    }

    /// <summary>Whether the task's server is there.</summary>
    public bool IsAlive(string taskId) => sockets.FindAlive(taskId) is not null;

    /// <summary>What the task's pane shows, and whether what ran in it has ended; null when there is no pane.</summary>
    public async Task<TmuxPane?> ReadPaneAsync(string taskId, CancellationToken cancellationToken)
    {
        if (sockets.FindAlive(taskId) is not { } socket) return null;
        var target = $"={NameOf(taskId)}:";
        var state = await tools.TryRunAsync(CommandOf(socket, "display-message", "-p", "-t", target, "#{pane_dead}"), cancellationToken);
        // With its history: when a pane dies, its text is scrolled up by the line that says so.
        var text = await tools.TryRunAsync(CommandOf(socket, "capture-pane", "-p", "-S", "-100", "-t", target), cancellationToken);
        return state.ExitCode == 0 ? new(state.StandardOutput.Trim() == "1", text.StandardOutput.Trim()) : null;
    }

    /// <summary>Ends the task's server, if there is one, and removes the folder of its sockets. What it ran ignores that. Never fails for what tmux does.</summary>
    public async Task EndAsync(string taskId, CancellationToken cancellationToken)
    {
        await EndServersAsync(taskId, cancellationToken);
        sockets.Remove(taskId);
    }

    private async Task EndServersAsync(string taskId, CancellationToken cancellationToken)
    {
        foreach (var path in sockets.PathsOf(taskId))
        {
            if (!TerminalSockets.IsAlive(path)) continue;
            try
            {
                await tools.TryRunAsync(CommandOf(path, "kill-server"), cancellationToken);
                await UntilGoneAsync(path, cancellationToken);
            }
            catch (ToolFailedException)
            {
                // tmux was uninstalled meanwhile, or hangs: its socket's folder goes, and with it the way to that server.
            }
        }
    }

    private async Task UntilGoneAsync(string path, CancellationToken cancellationToken)
    {
        var startedAt = clock.GetTimestamp();
        while (TerminalSockets.IsAlive(path) && clock.GetElapsedTime(startedAt) < EndDeadline)
            await Task.Delay(TimeSpan.FromMilliseconds(5), clock, cancellationToken);
    }

    private Task<ToolResult> StartAsync(string socket, string taskId, IReadOnlyList<string> command, CancellationToken cancellationToken)
    {
        if (command.Count < 2) throw new ArgumentException("A command of one argument goes through a shell.", nameof(command));
        // tmux reads an argument that ends in a semicolon as the end of its own command.
        if (command.Any(argument => argument.EndsWith(';'))) throw new ArgumentException("No argument may end in a semicolon.", nameof(command));
        return tools.RunAsync(
            CommandOf(
                socket,
                [
                    "set-option", "-g", "remain-on-exit", "on", ";", "set-option", "-g", "history-limit", "20000", ";",
                    "new-session", "-d", "-s", NameOf(taskId), "-x", "200", "-y", "50", .. command,
                ]),
            cancellationToken);
    }

    private ToolCommand CommandOf(string socket, params string[] arguments) => new("tmux", ["-S", socket, "-f", "/dev/null", .. arguments])
    {
        Environment = Environment,
        WorkingDirectory = home.Root,
        Timeout = Deadline,
    };

    /// <summary>The session host is started by its own launcher, which has to find the runtime that this service runs on.</summary>
    private static string DotnetRoot() => Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", ".."));
}

/// <summary>A pane.</summary>
/// <param name="IsDead">Whether its program has ended.</param>
/// <param name="Text">What it shows, without empty lines around it.</param>
internal sealed record TmuxPane(bool IsDead, string Text);
