using System.Text;
using Microsoft.Extensions.Options;
using Orchestrator.Interfaces.Machines;
using Orchestrator.Processes;

namespace Orchestrator.Silo.Machines.Git;

/// <summary>
/// A git that a killed service had started goes on: it may still be checking out what its successor is about to clear. Such ones are ended first. They are found by what only we hand over: the folder,
/// whole, as an argument of <c>worktree</c> or of an option, or in the environment that git gives its own children. Only on Linux, where other processes' arguments can be read.
/// </summary>
internal sealed partial class OrphanedGits(IOptions<GitOptions> options, TimeProvider clock, ILogger<OrphanedGits> logger)
{
    private static readonly TimeSpan BetweenLooks = TimeSpan.FromMilliseconds(20);

    /// <summary>How long a git may take to remove its lock files after SIGTERM.</summary>
    private static readonly TimeSpan TidyTime = TimeSpan.FromSeconds(5);

    /// <summary>Ends every git that works in one of these folders, and waits until none is left. Under the repository's lock, so that none of them is one of this service's.</summary>
    /// <exception cref="GitRefusedException">One would not end within a command's time.</exception>
    public async Task EndAsync(string[] folders, CancellationToken cancellationToken)
    {
        if (!OperatingSystem.IsLinux()) return;
        var startedAt = clock.GetTimestamp();
        var signal = Signals.Terminate;
        for (var told = new HashSet<ProcessIdentity>(); ; await Task.Delay(BetweenLooks, clock, cancellationToken))
        {
            var alive = Find(folders);
            if (alive.Count == 0) return;
            var elapsed = clock.GetElapsedTime(startedAt);
            if (elapsed > options.Value.CommandTimeout) throw new GitRefusedException(
                $"A git that an earlier start of the service left (pid {alive[0].Pid}) still works in {folders[0]}.", "Wait until it has ended, or end it, then retry the task.", MachineFailureKind.Passing);
            if (signal == Signals.Terminate && elapsed > TidyTime)
            {
                signal = Signals.Kill;
                told.Clear();
            }

            foreach (var process in alive.Where(told.Add))
            {
                LogEnded(process.Pid, folders[0]);
                process.Send(signal);
            }
        }
    }

    private static List<ProcessIdentity> Find(string[] folders) =>
        [.. ProcessTable.ReadAll().Where(entry => !entry.IsEnded && WorksIn(entry.Pid, folders)).Select(entry => new ProcessIdentity(entry.Pid, entry.StartTime, ProcessIdentity.CurrentBootId))];

    private static bool WorksIn(int pid, string[] folders)
    {
        try
        {
            if (!File.ReadAllText($"/proc/{pid}/comm").StartsWith("git", StringComparison.Ordinal)) return false;
            var arguments = File.ReadAllText($"/proc/{pid}/cmdline").Split('\0');
            return folders.Any(folder => IsNamed(arguments, folder)
                || ProcessTable.HasVariable(pid, Encoding.UTF8.GetBytes("GIT_DIR=" + folder)) || ProcessTable.HasVariable(pid, Encoding.UTF8.GetBytes("GIT_WORK_TREE=" + folder)));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // It has ended, or is another user's, who cannot be at work here.
            return false;
        }
    }

    private static bool IsNamed(string[] arguments, string folder) =>
        arguments.Contains("--git-dir=" + folder) || arguments.Contains("--work-tree=" + folder) || (arguments.Contains("worktree") && arguments.Contains(folder));

    [LoggerMessage(LogLevel.Warning, "A git of an earlier start of the service (pid {Pid}) still works in {Folder}, and is ended.")]
    private partial void LogEnded(int pid, string folder);
}
