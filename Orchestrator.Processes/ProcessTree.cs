using System.Text;

namespace Orchestrator.Processes;

/// <summary>
/// What belongs to one session, however it hides: descendants, processes that carry the session's marker in their environment (as Jenkins' process tree killer does it),
/// processes of the agent's own session, and the descendants of all these.
/// </summary>
internal sealed class ProcessTree
{
    /// <summary>The variable that marks every process of a session; its value is unique to the session's folder.</summary>
    internal const string MarkerName = "ORCHESTRATOR_SESSION";

    private readonly byte[] _marker;
    private readonly List<ProcessIdentity> _roots = [];
    private readonly List<ProcessIdentity> _sessions = [];
    private readonly HashSet<ProcessIdentity> _seenLeaders = [], _spared = [];

    /// <param name="marker">The value of <see cref="MarkerName"/>; null: none to look for.</param>
    internal ProcessTree(string? marker) => _marker = marker is null ? [] : Encoding.UTF8.GetBytes($"{MarkerName}={marker}");

    /// <summary>Looks for descendants of this process too (not itself).</summary>
    internal ProcessTree WithDescendantsOf(ProcessIdentity process)
    {
        _roots.Add(process);
        return this;
    }

    /// <summary>
    /// Looks for processes of the session that this process leads, too. Once the session is gone its id is given to others: on Linux it counts only if its leader was seen there by this
    /// tree (what is left of it otherwise is found by marker and descent); on macOS, where nothing else tells, as long as nobody else has the leader's pid.
    /// </summary>
    internal ProcessTree WithSessionOf(ProcessIdentity leader)
    {
        _sessions.Add(leader);
        return this;
    }

    /// <summary>On Linux: orphaned descendants become children of this process, so that none of them is lost sight of. On macOS: nothing.</summary>
    internal static void BecomeSubreaper()
    {
        const int SetChildSubreaper = 36;
        if (OperatingSystem.IsLinux() && LibC.ProcessControl(SetChildSubreaper, 1, 0, 0, 0) != 0) throw LibC.Failure("prctl(PR_SET_CHILD_SUBREAPER)");
    }

    /// <summary>Who lives now. Never this process.</summary>
    internal List<ProcessIdentity> FindAlive()
    {
        var boot = ProcessIdentity.CurrentBootId;
        var all = ProcessTable.ReadAll();
        var sessions = FindSessions(all, boot);
        var found = new HashSet<int>();
        foreach (var entry in all)
        {
            if (sessions.Contains(entry.Session) || (_marker.Length > 0 && !entry.IsEnded && !ProcessTable.IsOfKernel(entry) && ProcessTable.HasVariable(entry.Pid, _marker))) found.Add(entry.Pid);
        }

        AddDescendants(all, found);
        found.Remove(Environment.ProcessId);
        var alive = new List<ProcessIdentity>();
        foreach (var entry in all)
        {
            if (entry.IsEnded || !found.Contains(entry.Pid)) continue;
            var process = new ProcessIdentity(entry.Pid, entry.StartTime, boot);
            if (!_spared.Contains(process)) alive.Add(process);
        }

        return alive;
    }

    /// <summary>
    /// Sends a signal to every one that lives now. One that this process may not signal (another user's, by way of sudo) is remarked upon and counts no more.
    /// </summary>
    /// <returns>How many there were.</returns>
    internal int Send(int signal)
    {
        var count = 0;
        foreach (var process in FindAlive())
        {
            if (process.IsAlive && !TrySend(process, signal)) Spare(process);
            else count++;
        }

        return count;
    }

    /// <summary>Set by tests, which cannot make a process that refuses signals.</summary>
    internal Func<ProcessIdentity, int, bool> TrySend { get; init; } = static (process, signal) => process.Send(signal) || Signals.IsAllowed(process.Pid);

    /// <summary>Told, for people, what could not be ended.</summary>
    internal Action<string>? Remark { get; init; }

    /// <summary>How long <see cref="KillAll"/> tries. Default: 60 s.</summary>
    internal TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>
    /// Kills until none is left; what forks meanwhile is found by the next look. On the calling thread; returns when none is left that may be killed, when it is cancelled, or when
    /// <see cref="Patience"/> is over.
    /// </summary>
    /// <returns>Whether none is left.</returns>
    internal bool KillAll(CancellationToken cancellationToken = default)
    {
        var pause = TimeSpan.FromMilliseconds(1);
        var startedAt = TimeProvider.System.GetTimestamp();
        while (true)
        {
            var count = TryKill();
            if (count == 0) return _spared.Count == 0;
            if (TimeProvider.System.GetElapsedTime(startedAt) >= Patience)
            {
                Remark?.Invoke($"{(count < 0 ? "Some" : count)} processes do not end, {Patience.TotalSeconds:0} s after they were killed; they are left to the system.");
                return false;
            }

            // A killed process takes a moment to go; one in an uninterruptible wait takes longer.
            if (cancellationToken.WaitHandle.WaitOne(pause)) return false;
            ReapIfSubreaper();
            pause = TimeSpan.FromMilliseconds(Math.Min(pause.TotalMilliseconds * 2, 500));
        }
    }

    /// <summary>Waits until none is left, at most for that long. On the calling thread.</summary>
    internal bool WaitUntilGone(TimeSpan timeout, CancellationToken cancellationToken = default)
    {
        var startedAt = TimeProvider.System.GetTimestamp();
        while (true)
        {
            ReapIfSubreaper();
            if (FindAlive().Count == 0) return true;
            if (TimeProvider.System.GetElapsedTime(startedAt) >= timeout || cancellationToken.WaitHandle.WaitOne(TimeSpan.FromMilliseconds(20))) return false;
        }
    }

    /// <summary>Set by a process that waits for nobody else's children any more, so that ended strangers are taken in.</summary>
    internal bool ReapsStrangers { get; set; }

    private void ReapIfSubreaper()
    {
        if (ReapsStrangers) ChildProcess.ReapEnded();
    }

    /// <summary>-1 when the process table cannot be read just now (too many open files).</summary>
    private int TryKill()
    {
        try
        {
            return Send(Signals.Kill);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return -1;
        }
    }

    private void Spare(ProcessIdentity process)
    {
        if (_spared.Add(process)) Remark?.Invoke($"Process {process.Pid} may not be ended by this user and goes on.");
    }

    /// <summary>The ids of the sessions that are ours now.</summary>
    private HashSet<int> FindSessions(List<ProcessEntry> all, string boot)
    {
        var sessions = new HashSet<int>();
        foreach (var leader in _sessions)
        {
            if (leader.BootId != boot) continue;
            var holder = all.Find(entry => entry.Pid == leader.Pid);
            var isThere = holder is not null;
            if (holder is not null && holder.StartTime != leader.StartTime) continue;
            if (isThere) _seenLeaders.Add(leader);
            if (isThere || _seenLeaders.Contains(leader) || OperatingSystem.IsMacOS()) sessions.Add(leader.Pid);
        }

        return sessions;
    }

    private void AddDescendants(List<ProcessEntry> all, HashSet<int> found)
    {
        // Once round for each generation; few are deeper than two or three.
        var parents = new HashSet<int>();
        foreach (var pid in found) parents.Add(pid);
        foreach (var root in _roots)
        {
            if (root.IsAlive || root.Pid == Environment.ProcessId) parents.Add(root.Pid);
        }

        for (var isGrowing = true; isGrowing;)
        {
            isGrowing = false;
            foreach (var entry in all)
            {
                if (!parents.Contains(entry.Parent) || !parents.Add(entry.Pid)) continue;
                found.Add(entry.Pid);
                isGrowing = true;
            }
        }
    }
}
