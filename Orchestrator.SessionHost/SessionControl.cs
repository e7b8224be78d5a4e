using System.Runtime.InteropServices;
using Orchestrator.Contracts.Sessions;
using Orchestrator.Processes;

namespace Orchestrator.SessionHost;

/// <summary>
/// What comes from outside while a session runs: stop (SIGTERM, or <see cref="SessionFiles.Stop"/> alone), interrupt (SIGINT), follow-ups in the inbox.
/// A thread of its own looks at the folder four times a second; a signal wakes it at once.
/// </summary>
internal sealed class SessionControl(SessionFolder folder) : IDisposable
{
    private static readonly TimeSpan LookInterval = TimeSpan.FromMilliseconds(250), KillPatience = TimeSpan.FromSeconds(20), KilledPatience = TimeSpan.FromSeconds(2);
    private readonly Lock _gate = new();
    private readonly AutoResetEvent _wake = new(false);
    private readonly ManualResetEventSlim _childIsGone = new(true);
    private readonly List<PosixSignalRegistration> _signals = [];
    private string? _marker;
    private SessionOutput? _output;
    private ChildProcess? _child;
    private StandardInputFeed? _feed;
    private volatile ManualResetEventSlim? _wait;
    private volatile bool _isTold, _isOver;

    /// <summary>Whether it was told to stop: nothing more is started.</summary>
    internal bool IsStopping { get; private set; }

    /// <summary>Whether it was told to stop before its programs had ended by themselves.</summary>
    internal bool WasStopped { get; private set; }

    internal void Begin(SessionLaunch launch, SessionOutput output)
    {
        (_marker, _output) = (launch.Environment.GetValueOrDefault(ProcessTree.MarkerName), output);
        _signals.Add(Signals.Handle(PosixSignal.SIGTERM, Tell));
        _signals.Add(Signals.Handle(PosixSignal.SIGINT, Interrupt));
        new Thread(Look, 256 * 1024) { IsBackground = true, Name = "control" }.Start();
    }

    /// <summary>Starts a program unless it was told to stop: then null.</summary>
    /// <exception cref="ChildProcessException">It cannot be started.</exception>
    internal ChildProcess? Start(ChildProcessStart start)
    {
        lock (_gate)
        {
            if (IsStopping || folder.Has(SessionFiles.Stop))
            {
                IsStopping = true;
                return null;
            }

            _child = ChildProcess.Start(start);
            _childIsGone.Reset();
            return _child;
        }
    }

    internal void Feed(StandardInputFeed feed)
    {
        lock (_gate) _feed = feed;
    }

    /// <summary>
    /// Waits until the program that <see cref="Start"/> started has ended. One that was killed and does not go, because it waits for the system uninterruptibly, is given up: then it
    /// counts as killed.
    /// </summary>
    internal ChildExit WaitForExit(ChildProcess child)
    {
        object? exit = null;
        var wait = new ManualResetEventSlim();
        _wait = wait;
        new Thread(Wait, 128 * 1024) { IsBackground = true, Name = "wait" }.Start();
        wait.Wait();
        return Volatile.Read(ref exit) is ChildExit known ? known : new ChildExit(null, Signals.Kill);

        void Wait()
        {
            try
            {
                Volatile.Write(ref exit, child.WaitForExit(reapOthers: true));
            }
            catch (InvalidOperationException)
            {
                // Given up, and taken in with the strangers meanwhile.
            }

            wait.Set();
        }
    }

    /// <summary>Kills every process of the session. A program that does not go by that is waited for no more.</summary>
    internal void Kill(ChildProcess child)
    {
        if (!NewTree(child).KillAll() && !_childIsGone.Wait(KilledPatience)) _wait?.Set();
    }

    /// <summary>The program that <see cref="Start"/> started has ended and was waited for.</summary>
    internal void ChildIsGone()
    {
        lock (_gate) (_child, _feed) = (null, null);
        _childIsGone.Set();
    }

    /// <summary>Every process of the session, beside this one.</summary>
    internal ProcessTree NewTree(ChildProcess? child)
    {
        var tree = new ProcessTree(_marker) { Remark = text => _output?.Remark(text), Patience = KillPatience }.WithDescendantsOf(ProcessIdentity.Own);
        return child is null ? tree : tree.WithSessionOf(child.Identity);
    }

    public void Dispose()
    {
        _isOver = true;
        _wake.Set();
        foreach (var signal in _signals) signal.Dispose();
    }

    private void Tell()
    {
        _isTold = true;
        _wake.Set();
    }

    private void Interrupt()
    {
        lock (_gate)
        {
            if (_child is { } child) Signals.SendToGroup(child.Pid, Signals.Interrupt);
        }
    }

    private void Look()
    {
        while (!_isOver)
        {
            _wake.WaitOne(LookInterval);
            try
            {
                if (_isTold || folder.Has(SessionFiles.Stop))
                {
                    Stop(folder.ReadStop() ?? new SessionStop { Reason = "The session host was told to end." });
                    return;
                }

                lock (_gate) _feed?.Look();
            }
            catch (Exception error)
            {
                // Too many open files, no memory: this thread must not take the host with it, and looks again.
                _output?.Remark($"Looking for a stop failed: {error.Message}");
            }
        }
    }

    private void Stop(SessionStop stop)
    {
        ChildProcess? child;
        lock (_gate)
        {
            IsStopping = true;
            child = _child;
            WasStopped |= child is not null;
        }

        if (child is null) return;
        _output?.Remark($"Stopped: {stop.Reason}");
        var half = TimeSpan.FromSeconds(Math.Clamp(stop.GraceSeconds, 0, 600) / 2.0);
        Interrupt();
        if (_childIsGone.Wait(half)) return;
        NewTree(child).Send(Signals.Terminate);
        if (_childIsGone.Wait(half)) return;
        Kill(child);
    }
}
