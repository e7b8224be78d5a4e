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

    /// <param name="marker">The value of <see cref="MarkerName"/>; null: none to look for.</param>
    internal ProcessTree(string? marker) => _marker = marker is null ? [] : Encoding.UTF8.GetBytes($"{MarkerName}={marker}");

    /// <summary>Looks for descendants of this process too (not itself).</summary>
    internal ProcessTree WithDescendantsOf(ProcessIdentity process)
    {
        _roots.Add(process);
        return this;
    }

    /// <summary>Looks for processes of the session that this process led too. A session's id is no other's as long as one of its processes lives.</summary>
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
        var found = new HashSet<int>();
        foreach (var entry in all)
        {
            if (IsOurs(entry, boot)) found.Add(entry.Pid);
        }

        AddDescendants(all, found);
        found.Remove(Environment.ProcessId);
        return [.. all.Where(entry => found.Contains(entry.Pid) && !entry.IsEnded).Select(entry => new ProcessIdentity(entry.Pid, entry.StartTime, boot))];
    }

    /// <summary>Sends a signal to every one that lives now. Answers how many there were.</summary>
    internal int Send(int signal)
    {
        var alive = FindAlive();
        foreach (var process in alive) process.Send(signal);
        return alive.Count;
    }

    /// <summary>
    /// Kills until none is left; what forks meanwhile is found by the next look. On the calling thread; returns only when none is left, or when it is cancelled.
    /// </summary>
    /// <returns>Whether none is left.</returns>
    internal bool KillAll(CancellationToken cancellationToken = default)
    {
        var pause = TimeSpan.FromMilliseconds(1);
        while (true)
        {
            if (Send(Signals.Kill) == 0) return true;
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

    private bool IsOurs(ProcessEntry entry, string boot)
    {
        foreach (var leader in _sessions)
        {
            if (entry.Session == leader.Pid && leader.BootId == boot && entry.StartTime >= leader.StartTime) return true;
        }

        return _marker.Length > 0 && ProcessTable.HasVariable(entry.Pid, _marker);
    }

    private void AddDescendants(List<ProcessEntry> all, HashSet<int> found)
    {
        var children = all.ToLookup(entry => entry.Parent, entry => entry.Pid);
        var next = new Stack<int>(found);
        foreach (var root in _roots)
        {
            if (root.IsAlive || root.Pid == Environment.ProcessId) next.Push(root.Pid);
        }

        while (next.TryPop(out var parent))
        {
            foreach (var child in children[parent])
            {
                if (found.Add(child)) next.Push(child);
            }
        }
    }
}
