using Orchestrator.Grains.AgentTasks;
using Orchestrator.Interfaces.AgentTasks;
using Orchestrator.Interfaces.Machines;
using Orchestrator.Simulator.Runtime;

namespace Orchestrator.Simulator.Machines;

/// <summary>
/// Stands for Orchestrator.Grains/Machines/MachineGrain.cs and for LocalSessions, SessionWatch and GitWorktrees below it: one job for each session and kind, known in memory only; a repeated command finds the job under
/// way (<c>Begin</c>); a job that fails says nothing, and its task asks again.
/// </summary>
internal sealed class MachineJobs(World world, SimulatedMachine machine, SimulatedSilo silo) : IMachineGrain
{
    /// <summary>How often a session is looked at for a sign of life.</summary>
    public static readonly TimeSpan LifePeriod = TimeSpan.FromSeconds(45);

    private static readonly TimeSpan StartTimeout = TimeSpan.FromSeconds(60);
    private readonly HashSet<(SessionName Session, JobKind Kind)> _jobs = [];
    private readonly Dictionary<SessionName, SessionStartedReport> _started = [];
    private readonly Dictionary<SessionName, Action> _watches = [];
    private readonly HashSet<SessionName> _lives = [];
    private readonly HashSet<SessionName> _cancelled = [];
    private readonly Dictionary<SessionName, Action> _afterPreparing = [];

    private enum JobKind
    {
        Prepare,
        Session,
        Stop,
        Collect,
        Keep,
        Remove,
        Find,
    }

    public SimulatedSilo Silo => silo;

    public Task PrepareAsync(WorktreeRequest request)
    {
        var session = request.Session;
        if (!_jobs.Add((session, JobKind.Prepare))) return Task.CompletedTask;
        Work($"prepare {session}", (fate, number) =>
        {
            // One that is cancelled has finished already, or is undone; one that was there before stays (WorktreePreparation.UndoAsync).
            var isUndone = _cancelled.Contains(session) && number % 2 == 1;
            var report = isUndone || fate == Fate.Failed ? null : machine.Prepare(request, number);
            if (report is not null && fate == Fate.Done) _ = TaskOf(session).WorktreePrepared(report);
            _jobs.Remove((session, JobKind.Prepare));
            _cancelled.Remove(session);
            if (_afterPreparing.Remove(session, out var stop)) stop();
        },
        () => machine.Prepare(request, 0), secondsMax: 0);
        return Task.CompletedTask;
    }

    public Task StartAsync(SessionRequest request)
    {
        if (!_jobs.Add((request.Session, JobKind.Session)))
        {
            if (_started.TryGetValue(request.Session, out var told)) _ = TaskOf(request.Session).SessionStarted(told);
            return Task.CompletedTask;
        }

        Work($"start {request.Session}", (fate, number) =>
        {
            if (fate == Fate.Failed) _jobs.Remove((request.Session, JobKind.Session));
            else Start(machine.Of(request.Session), number);
        });
        return Task.CompletedTask;
    }

    public Task WatchAsync(SessionName session, string workerType, Worktree worktree)
    {
        Watch(session);
        return Task.CompletedTask;
    }

    public Task StopAsync(SessionName session, string workerType, Worktree? worktree, string reason)
    {
        var isPreparing = _jobs.Contains((session, JobKind.Prepare));
        if (isPreparing) _cancelled.Add(session);
        if (!_jobs.Add((session, JobKind.Stop))) return Task.CompletedTask;
        void Stop() => Work($"stop {session}", (fate, number) =>
        {
            if (fate != Fate.Failed) StopNow(machine.Of(session), number);
            _jobs.Remove((session, JobKind.Stop));
            if (fate == Fate.Done) Watch(session);
        });
        if (isPreparing) _afterPreparing[session] = Stop;
        else Stop();
        return Task.CompletedTask;
    }

    public Task CollectAsync(SessionName session, Worktree worktree) =>
        Job(session, JobKind.Collect, number => machine.Collect(session, number), report => TaskOf(session).WorkCollected(report));

    public Task KeepWorktreeAsync(SessionName session, Worktree worktree) =>
        Job(session, JobKind.Keep, number => machine.Keep(session, number), problem => TaskOf(session).WorktreeSettled(session, problem));

    public Task RemoveWorktreeAsync(SessionName session, Worktree worktree) =>
        Job(session, JobKind.Remove, number => machine.Remove(session, number), problem => TaskOf(session).WorktreeRemoved(session, problem));

    public Task FindWorktreeAsync(SessionName session, string repository) =>
        Job(session, JobKind.Find, number => machine.Find(session, number), report => TaskOf(session).WorktreeFound(report));

    /// <summary>Something of a session is another than it was. Whoever watches it looks when it comes to it.</summary>
    public void Changed(SimulatedSession session)
    {
        if (_watches.ContainsKey(session.Name)) Look(session);
    }

    private IAgentTaskGrain TaskOf(SessionName session) => silo.GetGrain<IAgentTaskGrain>(session.TaskId);

    private void Work(string label, Action<Fate, int> run, Action? crash = null, int secondsMax = int.MaxValue) => world.Agenda.Add(new(ItemKind.Work, label, run)
    {
        Crash = number =>
        {
            if (number == 1) crash?.Invoke();
        },
        SecondsMax = secondsMax,
    });

    private Task Job<T>(SessionName session, JobKind kind, Func<int, T> work, Func<T, Task> report)
    {
        if (!_jobs.Add((session, kind))) return Task.CompletedTask;
        Work($"{kind.ToString().ToLowerInvariant()} {session}", (fate, number) =>
        {
            _jobs.Remove((session, kind));
            if (fate == Fate.Failed) return;
            var result = work(number);
            if (fate == Fate.Done) _ = report(result);
        });
        return Task.CompletedTask;
    }

    /// <summary>LocalSessions.StartOnceAsync and NotStarted: what a former call began is found; a worktree that is gone, a program that is missing, or a host that is started.</summary>
    private void Start(SimulatedSession session, int number)
    {
        if (session.Exit is not null || session.IsHeld || session.IsStarted || session.IsStopAsked)
        {
            Started(session);
        }
        else if (machine.TreeOf(session.Name.TaskId) is null)
        {
            session.IsStopAsked = true;
            End(session, new(session.Name, SessionEndKind.WorktreeLost, world.Clock.GetUtcNow(), Failure: new("The worktree is gone.")));
        }
        else if (number % 48 is 5 or 6)
        {
            // The agent's program is missing, or tmux took too long, and the host comes all the same.
            if (number % 48 == 6) session.HasLaunch = true;
            if (session.HasLaunch) machine.StartHost(session);
            session.IsStopAsked = world.Mutations.Mutant != Mutant.FailedStartNotForbidden;
            End(session, new(session.Name, SessionEndKind.SetupFailed, world.Clock.GetUtcNow(), Failure: new("It cannot be started.", Kind: MachineFailureKind.Machine)));
        }
        else
        {
            session.HasLaunch = true;
            machine.StartHost(session);
            _watches[session.Name] = () =>
            {
                if (session.IsStarted || session.Exit is not null) Started(session);
            };
            world.Clock.Set($"start timeout {session.Name}", StartTimeout, () => GiveUp(session));
        }
    }

    /// <summary>SessionStarter.GiveUpAsync: should the host come after all, it finds that it must not.</summary>
    private void GiveUp(SimulatedSession session)
    {
        if (session.IsStarted || session.Exit is not null || !_watches.Remove(session.Name)) return;
        session.IsStopAsked = true;
        End(session, new(session.Name, SessionEndKind.SetupFailed, world.Clock.GetUtcNow(), Failure: new("The host did not start.", Kind: MachineFailureKind.Passing)));
    }

    /// <summary>LocalSessions.Answer.</summary>
    private void Started(SimulatedSession session)
    {
        if (session.Exit is { Kind: not SessionEndKind.Exited } exit)
        {
            End(session, exit);
        }
        else if (!session.IsStarted)
        {
            End(session, new(session.Name, SessionEndKind.NotStarted, world.Clock.GetUtcNow()));
        }
        else
        {
            var started = new SessionStartedReport(
                session.Name, session.StartedAt, "claude", world.Scenario.TaskOf(session.Name.TaskId).CanResume, new($"cc-task-{session.Name.TaskId}", "tmux attach"));
            _started[session.Name] = started;
            _ = TaskOf(session.Name).SessionStarted(started);
            WaitForEnd(session);
        }
    }

    private void Watch(SessionName name)
    {
        if (_jobs.Add((name, JobKind.Session))) WaitForEnd(machine.Of(name));
    }

    private void WaitForEnd(SimulatedSession session)
    {
        _watches[session.Name] = () => CheckForEnd(session);
        Look(session);
        LookForLife(session);
    }

    /// <summary>SessionLife and TaskNotices: says that a session is silent, and what it has used, again and again as long as that is so, and nobody has told it to stop.</summary>
    public void LookForLife(SimulatedSession session)
    {
        if (!session.IsSilent && !session.IsSpender) return;
        if (_watches.ContainsKey(session.Name) && session.IsHeld && _lives.Add(session.Name)) world.Clock.Set($"life {session.Name}", LifePeriod, () => SayLife(session));
    }

    private void SayLife(SimulatedSession session)
    {
        _lives.Remove(session.Name);
        if (!_watches.ContainsKey(session.Name) || !session.IsHeld || session.IsStopAsked) return;
        if (session.IsSpender) _ = TaskOf(session.Name).SessionUsed(session.Name, session.UsageAfter(world.Clock.Elapsed));
        if (session.IsSilent) _ = TaskOf(session.Name).SessionStalled(session.Name, session.StartedAt);
        LookForLife(session);
    }

    private void Look(SimulatedSession session) => Work($"look {session.Name}", (_, _) =>
    {
        if (_watches.TryGetValue(session.Name, out var watch)) watch();
    });

    /// <summary>SessionWatch.CheckForLossAsync.</summary>
    private void CheckForEnd(SimulatedSession session)
    {
        if (session.Exit is { } exit)
        {
            End(session, exit);
        }
        else if (session.IsHeld)
        {
            // It runs.
        }
        else if (session.IsStarted)
        {
            EndLeftovers(session);
            End(session, new(session.Name, SessionEndKind.Lost, world.Clock.GetUtcNow()));
        }
        else if (session.IsStopAsked || !session.HasLaunch)
        {
            End(session, new(session.Name, SessionEndKind.NotStarted, world.Clock.GetUtcNow()));
        }
        else
        {
            world.Clock.Set($"never started {session.Name}", StartTimeout, () =>
            {
                if (!session.IsStarted) session.IsStopAsked = true;
                Look(session);
            });
        }
    }

    /// <summary>LocalSessions.StopAsync.</summary>
    private void StopNow(SimulatedSession session, int number)
    {
        if (world.Mutations.Mutant == Mutant.StopIgnored) return;
        session.IsStopAsked = true;
        if (session.Exit is not null || !session.IsStarted) return;
        if (session.IsHeld) machine.Stop(session, number);
        else EndLeftovers(session);
    }

    private void EndLeftovers(SimulatedSession session)
    {
        if (world.Mutations.Mutant != Mutant.LeftoversLiveOn) session.IsAlive = false;
    }

    private void End(SimulatedSession session, SessionEndedReport report)
    {
        _watches.Remove(session.Name);
        _started.Remove(session.Name);
        _jobs.Remove((session.Name, JobKind.Session));
        world.Coverage.Judged(SessionVerdicts.Judge(report, machine.TreeOf(session.Name.TaskId)?.Worktree ?? new("", "", "", "", "")).Kind);
        _ = TaskOf(session.Name).SessionEnded(report);
    }
}
