using Orchestrator.Interfaces.AgentTasks;
using Orchestrator.Interfaces.Machines;
using Orchestrator.Simulator.Runtime;

namespace Orchestrator.Simulator.Machines;

/// <summary>The machine's own truth, which no restart of the service changes: worktrees, and sessions that live until their agents end, they are stopped or something kills them.</summary>
internal sealed class SimulatedMachine(World world)
{
    private static readonly int[] AgentSeconds = [1, 5, 20, 60, 90, 180, 400, int.MaxValue];
    private readonly SortedDictionary<string, SimulatedTree> _trees = new(StringComparer.Ordinal);
    private readonly List<SimulatedSession> _sessions = [];
    private readonly Dictionary<string, (TimeSpan Until, bool IsSaid)> _limits = new(StringComparer.Ordinal);
    private MachineJobs? _jobs;
    private int _boots;

    public IReadOnlyList<SimulatedSession> Sessions => _sessions;

    public IReadOnlyDictionary<string, SimulatedTree> Trees => _trees;

    public int AliveCount => _sessions.Count(session => session.IsAlive);

    /// <summary>The jobs of this life of the service.</summary>
    public MachineJobs JobsOf(SimulatedSilo silo) => _jobs is { } jobs && jobs.Silo == silo ? jobs : _jobs = new(world, this, silo);

    public SimulatedSession Of(SessionName name)
    {
        foreach (var session in _sessions)
        {
            if (session.Name == name) return session;
        }

        var made = new SimulatedSession(name);
        _sessions.Add(made);
        return made;
    }

    public SimulatedSession? Find(SessionName name) => _sessions.Find(session => session.Name == name);

    public SimulatedSession? AliveOf(string taskId) => _sessions.Find(session => session.IsAlive && session.Name.TaskId == taskId);

    public SimulatedTree? TreeOf(string taskId) => _trees.TryGetValue(taskId, out var tree) && tree.IsThere ? tree : null;

    /// <summary>As Orchestrator.Silo/Machines/Git/WorktreePreparation.cs: what is there is found; a branch that another worktree holds blocks.</summary>
    public WorktreeReport Prepare(WorktreeRequest request, int number)
    {
        var taskId = request.Session.TaskId;
        if (TreeOf(taskId) is { } known) return new(request.Session, known.Worktree, null);
        var branch = request.ContinuationBranch ?? $"task/{taskId}";
        foreach (var (other, tree) in _trees)
        {
            if (other == taskId || !tree.IsThere || tree.HeldBranch != branch) continue;
            world.Invariants.Blocked(taskId, other);
            return new(request.Session, null, null, BlockedBy: other);
        }

        if (number % 40 == 3) return new(request.Session, null, new("It cannot be made.", Kind: (MachineFailureKind)(1 + (number / 40 % 3))));
        var made = _trees[taskId] = new(new(request.Repository, $"/w/{taskId}", branch, "main", "a"));
        return new(request.Session, made.Worktree, null);
    }

    public WorkReport Collect(SessionName session, int number)
    {
        if (TreeOf(session.TaskId) is null) return new(session, 0, [], null, false, new("It is gone."), IsLost: true);
        if (number % 24 == 5) return new(session, 0, [], null, false, new("Git says no."));
        var commits = number % 3;
        return new(session, commits, [.. Enumerable.Range(1, commits).Select(i => new CommitDetail($"c{i}", "work"))], null, false);
    }

    public string? Keep(SessionName session, int number)
    {
        if (number % 24 == 7) return "The branch cannot be let go.";
        if (TreeOf(session.TaskId) is { } tree) tree.HeldBranch = null;
        return null;
    }

    /// <summary>As WorktreePreparation.FindAsync.</summary>
    public WorktreeReport Find(SessionName session, int number) =>
        number % 24 == 7 ? new(session, null, new("Git says no."))
        : new(session, world.Mutations.Mutant == Mutant.NothingFound ? null : TreeOf(session.TaskId)?.Worktree, null);

    public string? Remove(SessionName session, int number)
    {
        if (number % 24 == 7) return "It cannot be saved.";
        world.Invariants.TreeGoes(session.TaskId);
        _trees.Remove(session.TaskId);
        return null;
    }

    /// <summary>As StrayWorktrees.PutAsideAsync: whatever lives there keeps it.</summary>
    public void PutAside(string taskId)
    {
        if (AliveOf(taskId) is not null && world.Mutations.Mutant != Mutant.SweepsTheLiving) return;
        world.Invariants.TreeGoes(taskId);
        _trees.Remove(taskId);
    }

    /// <summary>An account reaches its usage limit: its agents end, and those that start before its time is over do so, too.</summary>
    public void Limit(string account, TimeSpan time, bool isSaid)
    {
        _limits[account] = (world.Clock.Elapsed + time, isSaid);
        foreach (var session in _sessions.Where(session => session.IsHeld && world.Scenario.TaskOf(session.Name.TaskId).WorkerType == account).ToList()) MeetLimit(session);
    }

    /// <summary>A host is started, and comes up when a schedule says so, whether the service still lives or not. As Orchestrator.SessionHost: lock, then stop, then the agent.</summary>
    public void StartHost(SimulatedSession session)
    {
        var boot = _boots;
        world.Agenda.Add(new(ItemKind.Host, $"host {session.Name}", (fate, number) =>
        {
            if (fate == Fate.Failed || boot != _boots || session.IsHeld || session.IsStarted || session.Exit is not null) return;
            if (session.IsStopAsked) session.Exit = new(session.Name, SessionEndKind.NotStarted, world.Clock.GetUtcNow(), WasStopped: true);
            else if (number % 32 == 1) session.Exit = new(session.Name, SessionEndKind.SetupFailed, world.Clock.GetUtcNow(), Failure: new("The setup script failed."));
            else Begin(session, number);
            Changed(session);
        })
        {
            IsOutside = true,
            SecondsMax = 20,
        });
    }

    public void EndAgent(SimulatedSession session, int number)
    {
        if (!session.IsHeld || session.Exit is not null) return;
        Over(session, AgentEnds.Of(session.Name, AgentTypeOf(session), session.UsageAfter(world.Clock.Elapsed), number, world.Clock.GetUtcNow()));
    }

    /// <summary>It is told to stop, and goes within the grace.</summary>
    public void Stop(SimulatedSession session, int number) => world.Clock.Set($"dies {session.Name}", TimeSpan.FromSeconds(number % 11), () =>
    {
        // The host can be killed meanwhile.
        if (session.IsHeld) Over(session, AgentEnds.Stopped(session.Name, AgentTypeOf(session), session.UsageAfter(world.Clock.Elapsed), world.Mix(number), world.Clock.GetUtcNow()));
    }, isOutside: true);

    /// <summary>It shows no sign of life any more, and whoever watches it says so.</summary>
    public void Stall(SimulatedSession session)
    {
        session.IsSilent = true;
        _jobs?.LookForLife(session);
    }

    /// <summary>The host is killed: its lock is free, its agent lives on.</summary>
    public void KillHost(SimulatedSession session)
    {
        session.IsHeld = false;
        Changed(session);
    }

    /// <summary>The service died: nobody knows of its jobs any more.</summary>
    public void Crash() => _jobs = null;

    /// <summary>The machine starts again: nothing lives.</summary>
    public void Reboot()
    {
        foreach (var session in _sessions)
        {
            session.IsHeld = session.IsAlive = false;
            Forget(session);
        }

        // What was about to start is gone, too.
        _boots++;
    }

    public void LoseTree(string taskId)
    {
        if (TreeOf(taskId) is { } tree) tree.IsThere = false;
    }

    private void Begin(SimulatedSession session, int number)
    {
        (session.IsStarted, session.IsHeld, session.IsAlive, session.StartedAt, session.StartedAfter) = (true, true, true, world.Clock.GetUtcNow(), world.Clock.Elapsed);
        // An agent that hung is likely to hang again.
        var hasHung = Find(session.Name with { Attempt = session.Name.Attempt - 1 }) is { IsSilent: true };
        session.IsSilent = (number >> 8) % 8 == 1 || (hasHung && (number >> 8) % 8 < 7);
        session.IsSpender = (number >> 11) % 6 == 1;
        world.Invariants.SessionStarted(session);
        if (_limits.TryGetValue(world.Scenario.TaskOf(session.Name.TaskId).WorkerType, out var limit) && world.Clock.Elapsed < limit.Until)
        {
            MeetLimit(session);
            return;
        }

        if (session.IsSilent) return;
        var seconds = AgentSeconds[(number >> 4) % AgentSeconds.Length];
        if (seconds != int.MaxValue) session.End = world.Clock.Set($"agent {session.Name}", TimeSpan.FromSeconds(seconds), () => EndAgent(session, world.Mix(number)), isOutside: true);
    }

    private void MeetLimit(SimulatedSession session)
    {
        var (until, isSaid) = _limits[world.Scenario.TaskOf(session.Name.TaskId).WorkerType];
        var now = world.Clock.GetUtcNow();
        Over(session, AgentEnds.Limited(session.Name, session.UsageAfter(world.Clock.Elapsed), isSaid ? now + (until - world.Clock.Elapsed) : null, now));
    }

    private string? AgentTypeOf(SimulatedSession session) => world.Scenario.TaskOf(session.Name.TaskId).AgentType;

    private void Over(SimulatedSession session, SessionEndedReport exit)
    {
        session.Exit = exit;
        session.IsHeld = false;
        session.IsAlive = world.Mutations.Mutant == Mutant.LimitedLiveOn && exit.Report?.ErrorKind == AgentErrorKind.UsageLimit;
        Forget(session);
        Changed(session);
    }

    private void Forget(SimulatedSession session)
    {
        if (session.End is { } end) world.Clock.Remove(end);
        session.End = null;
    }

    private void Changed(SimulatedSession session) => _jobs?.Changed(session);
}
