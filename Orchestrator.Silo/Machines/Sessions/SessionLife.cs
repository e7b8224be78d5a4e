using Orchestrator.Contracts.Sessions;
using Orchestrator.Grains.Machines;
using Orchestrator.Processes;
using Orchestrator.Silo.Agents.Output;

namespace Orchestrator.Silo.Machines.Sessions;

/// <summary>
/// Looks at one session that runs: whether it lives, and what its agent says it has used. Says both again and again as long as they are true. While a setup script runs, and once the
/// session is told to stop, it says nothing.
/// </summary>
internal sealed class SessionLife(SessionFolder folder, ISessionListener listener, IUsageWatch? usage, SessionOptions options, TimeProvider clock)
{
    // One look at the process table at a time, however many sessions there are.
    private static readonly Lock OneAtATime = new();
    private readonly LifeSigns _signs = new(options.InactivityTimeout);
    private readonly long _since = clock.GetTimestamp();
    private SessionStarted? _started;
    private (DateTime Written, long Length) _seen;
    private TimeSpan? _lookedAt, _saidAt;
    private int _isLooking;

    /// <summary>Whether it is time for a look.</summary>
    public bool IsDue => Volatile.Read(ref _isLooking) == 0 && (_lookedAt is not { } last || Now - last >= Interval);

    private TimeSpan Now => clock.GetElapsedTime(_since);

    private TimeSpan Interval => _signs.LookInterval < options.CheckInterval ? _signs.LookInterval : options.CheckInterval;

    /// <summary>Looks, on the calling thread.</summary>
    /// <exception cref="IOException">The folder or the process table cannot be read.</exception>
    public void Look()
    {
        if (Interlocked.Exchange(ref _isLooking, 1) != 0) return;
        try
        {
            _lookedAt = Now;
            LookOnce();
        }
        finally
        {
            Volatile.Write(ref _isLooking, 0);
        }
    }

    private void LookOnce()
    {
        if (_started?.AgentPid is null) _started = folder.ReadStarted();
        if (_started is not { AgentPid: not null } started || folder.Has(SessionFiles.Stop) || !folder.IsHeld) return;
        var (output, named) = (new FileInfo(folder.PathOf(SessionFiles.Events)), new FileInfo(folder.PathOf(SessionFiles.Started)));
        var file = output.Exists ? (output.LastWriteTimeUtc, output.Length) : (named.LastWriteTimeUtc, 0L);
        var hasGrown = file != _seen;
        _seen = file;

        // An agent is named when it starts: what was printed before was the setup script's.
        var latest = file.LastWriteTimeUtc > named.LastWriteTimeUtc ? file.LastWriteTimeUtc : named.LastWriteTimeUtc;
        _signs.SawOutput(Now, file, clock.GetUtcNow().UtcDateTime - latest);
        var isTimeToSay = _saidAt is not { } said || Now - said >= _signs.LookInterval;
        if (usage is not null && (hasGrown || isTimeToSay) && usage.Read() is { } used) Say(() => listener.Used(used));
        if (_signs.NeedsSample(Now)) _signs.SawProcessorTime(Now, ReadProcessorTime(started));
        if (isTimeToSay && _signs.SilenceAt(Now) is { } silence) Say(() => listener.Stalled(clock.GetUtcNow() - silence));
    }

    private void Say(Action what)
    {
        _saidAt = Now;
        what();
    }

    /// <summary>Of the whole session, what hides from it by <c>setsid</c> included; the host's own is none of the agent's.</summary>
    private TimeSpan ReadProcessorTime(SessionStarted started)
    {
        lock (OneAtATime)
        {
            var tree = new ProcessTree(folder.Path)
                .WithDescendantsOf(new ProcessIdentity(started.HostPid, started.HostStartTime, started.BootId))
                .WithSessionOf(new ProcessIdentity(started.AgentPid!.Value, started.AgentStartTime ?? 0, started.BootId));
            var sum = ProcessorTime.OfEndedChildrenOf(started.HostPid);
            foreach (var process in tree.FindAlive())
            {
                if (process.Pid != started.HostPid) sum += ProcessorTime.Of(process.Pid);
            }

            return sum;
        }
    }
}
