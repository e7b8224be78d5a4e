namespace Orchestrator.Testing.Service;

/// <summary>
/// Everything on disk of one service under test, in one short folder (socket paths have room for about 100 bytes): its home, its user's home, the origins of its
/// repositories, and what agents write outside their worktrees. Removed at the end, with every session and terminal that still lives.
/// </summary>
public sealed class ServicePlace : IDisposable
{
    private bool _hasDisk;

    public ServicePlace() => Directory.CreateDirectory(User);

    /// <summary>The folder of all the others.</summary>
    public string Root { get; } = Directory.CreateTempSubdirectory("o-").FullName;

    /// <summary><c>ORCHESTRATOR_HOME</c>.</summary>
    public string Home => Path.Combine(Root, "h");

    /// <summary><c>HOME</c> of service and agents.</summary>
    public string User => Path.Combine(Root, "user");

    /// <summary>Bare repositories: <c>owner/name.git</c>.</summary>
    public string Origins => Path.Combine(Root, "git");

    public string At(params string[] parts) => Path.Combine([Root, .. parts]);

    /// <summary>The folder of one start of an agent.</summary>
    public string Session(string taskId, int attempt = 1, int run = 1) => Path.Combine(Home, "sessions", taskId, $"{run}.{attempt}");

    /// <summary>The task's worktree.</summary>
    public string Worktree(string taskId) => Path.Combine(Home, "worktrees", taskId);

    /// <summary>Sockets on which a tmux server may listen.</summary>
    public IReadOnlyList<string> TerminalSockets() => Directory.Exists(Path.Combine(Home, "s")) ? Directory.GetFiles(Path.Combine(Home, "s"), "*.sock", SearchOption.AllDirectories) : [];

    /// <summary>Processes of sessions of this home.</summary>
    public IReadOnlyList<int> SessionProcesses() => MachineProcess.WithEnvironment($"ORCHESTRATOR_SESSION={Home}/");

    /// <summary>Session hosts of this home.</summary>
    public IReadOnlyList<int> SessionHosts() => [.. MachineProcess.All().Where(IsSessionHost)];

    /// <summary>Ends every session and every terminal of this home.</summary>
    public void EndSessions()
    {
        foreach (var pid in SessionHosts()) MachineProcess.Kill(pid);
        foreach (var pid in SessionProcesses()) MachineProcess.Kill(pid);
        foreach (var socket in TerminalSockets()) Tool.TryRun("tmux", "-S", socket, "kill-server");
    }

    /// <summary>Puts the home on a small disk of its own, from which it is taken at the end. Only root may, and not in every container.</summary>
    /// <param name="size">As mount(8) has it.</param>
    /// <returns>Why not; null: it is there.</returns>
    public string? TryMountHome(string size)
    {
        Directory.CreateDirectory(Home);
        if (!OperatingSystem.IsLinux() || !Environment.IsPrivilegedProcess) return "this user is not root, or this is not Linux";
        var (exitCode, _, error) = Tool.TryRun("mount", "-t", "tmpfs", "-o", $"size={size}", "tmpfs", Home);
        _hasDisk = exitCode == 0;
        return _hasDisk ? null : error;
    }

    public void Dispose()
    {
        EndSessions();
        if (_hasDisk) Tool.TryRun("umount", "--lazy", Home);
        for (var left = 20; left >= 0; left--)
        {
            try
            {
                if (Directory.Exists(Root)) Directory.Delete(Root, recursive: true);
                return;
            }
            catch (IOException) when (left > 0)
            {
                // What was killed a moment ago may still have written.
                EndSessions();
            }
        }
    }

    private bool IsSessionHost(int pid)
    {
        // The terminal's server has the same words among its arguments.
        var line = MachineProcess.CommandLineOf(pid);
        return line.Split('\0')[0].EndsWith("Orchestrator.SessionHost", StringComparison.Ordinal) && line.Contains($"{Home}/sessions/", StringComparison.Ordinal) && MachineProcess.IsAlive(pid);
    }
}
