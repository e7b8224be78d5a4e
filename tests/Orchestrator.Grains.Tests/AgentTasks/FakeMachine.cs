using System.Collections.Concurrent;
using Orchestrator.Grains.Machines;
using Orchestrator.Interfaces.Machines;

namespace Orchestrator.Grains.Tests.AgentTasks;

/// <summary>
/// A machine whose disk survives the silo: sessions live until the test ends them, or until they are stopped. As strict as the real one: it fails the test when a second agent of
/// one task would run, or a session would start twice.
/// </summary>
internal sealed class FakeMachine : IWorktrees, ISessions
{
    private readonly ConcurrentDictionary<SessionName, Session> _sessions = new();
    private readonly ConcurrentQueue<string> _log = new();

    /// <summary>Something was done.</summary>
    public Action? Acted { get; set; }

    /// <summary>What was done, in order.</summary>
    public IReadOnlyCollection<string> Log => _log;

    /// <summary>What the machine did that it must never do.</summary>
    public ConcurrentQueue<string> Violations { get; } = new();

    /// <summary>Holds back worktrees until it is done.</summary>
    public Task PrepareGate { get; set; } = Task.CompletedTask;

    /// <summary>How worktrees come out.</summary>
    public Func<WorktreeRequest, WorktreeReport> OnPrepare { get; set; } = request => new(request.Session, TreeOf(request.Session.TaskId), null);

    /// <summary>What is found of worktrees that nobody knows of.</summary>
    public Func<SessionName, WorktreeReport> OnFind { get; set; } = session => new(session, null, null);

    public Func<SessionName, WorkReport> OnCollect { get; set; } = session => new(session, 1, [new(new string('c', 40), "work")], new(1, 1, 0), IsDirty: false);

    public Func<MachineFailure?> OnKeep { get; set; } = () => null;

    public Func<MachineFailure?> OnRemove { get; set; } = () => null;

    /// <summary>Whether sessions that are told to stop take their time for it: until they are told again.</summary>
    public bool LingersWhenStopped { get; set; }

    public int LiveCount => _sessions.Values.Count(session => session.IsLive);

    /// <summary>Sessions that live.</summary>
    public IReadOnlyList<SessionName> Live => [.. _sessions.Where(session => session.Value.IsLive).Select(session => session.Key)];

    public static Worktree TreeOf(string taskId) => new("acme/web", $"/worktrees/{taskId}", $"task/{taskId}", "main", new string('a', 40));

    public async Task<WorktreeReport> PrepareAsync(WorktreeRequest request, CancellationToken cancellationToken)
    {
        await PrepareGate.WaitAsync(cancellationToken);
        Note($"prepare {request.Session}");
        return OnPrepare(request);
    }

    public Task<WorkReport> CollectAsync(SessionName session, Worktree worktree, CancellationToken cancellationToken)
    {
        Note($"collect {session}");
        return Task.FromResult(OnCollect(session));
    }

    public Task<WorktreeReport> FindAsync(SessionName session, string repository, CancellationToken cancellationToken)
    {
        Note($"find {session}");
        return Task.FromResult(OnFind(session));
    }

    public Task UnlockAsync(SessionName session, Worktree worktree, CancellationToken cancellationToken)
    {
        Note($"unlock {session}");
        return Task.CompletedTask;
    }

    public Task<MachineFailure?> KeepAsync(SessionName session, Worktree worktree, CancellationToken cancellationToken)
    {
        Note($"keep {session}");
        return Task.FromResult(OnKeep());
    }

    public Task<MachineFailure?> RemoveAsync(SessionName session, Worktree worktree, CancellationToken cancellationToken)
    {
        Note($"remove {session}");
        return Task.FromResult(OnRemove());
    }

    public Task OpenAsync(SessionName session)
    {
        Note($"open {session}");
        return Task.CompletedTask;
    }

    public Task CloseAsync(SessionName session)
    {
        Note($"close {session}");
        if (Of(session).HasStarted) Violations.Enqueue($"{session} was closed while it ran");
        return Task.CompletedTask;
    }

    public Task<SessionStart> StartAsync(SessionRequest request, CancellationToken cancellationToken)
    {
        var session = Of(request.Session);
        lock (session)
        {
            if (session.IsStopped) return Task.FromResult(new SessionStart(null, new(request.Session, SessionEndKind.NotStarted, TaskScenario.Start, WasStopped: true)));
            if (!session.HasStarted)
            {
                Note($"start {request.Session}");
                if (_sessions.Any(other => other.Key != request.Session && other.Key.TaskId == request.Session.TaskId && other.Value.IsLive))
                    Violations.Enqueue($"{request.Session} started while another attempt of the task was alive");
                session.Request = request;
                session.HasStarted = true;
            }
        }

        return Task.FromResult(new SessionStart(new(request.Session, TaskScenario.Start, "claude", CanResume: true, TaskScenario.Terminal), null));
    }

    public async Task<SessionEndedReport> WaitForEndAsync(SessionName session, string workerType, Worktree? worktree, ISessionListener? listener, CancellationToken cancellationToken)
    {
        Of(session).Listener = listener;
        Note($"watch {session}");
        return await Of(session).Ended.Task.WaitAsync(cancellationToken);
    }

    public Task StopAsync(SessionName session, string reason, CancellationToken cancellationToken)
    {
        Note($"stop {session}");
        var stopped = Of(session);
        lock (stopped)
        {
            stopped.IsStopped = true;
            if (LingersWhenStopped) return Task.CompletedTask;
            var kind = stopped.HasStarted ? SessionEndKind.Exited : SessionEndKind.NotStarted;
            stopped.Ended.TrySetResult(new(session, kind, TaskScenario.Start, null, stopped.HasStarted ? 2 : null, WasStopped: true));
        }

        return Task.CompletedTask;
    }

    /// <summary>Waits until something was done.</summary>
    public async Task DidAsync(string what)
    {
        for (var i = 0; !_log.Contains(what); i++)
        {
            Assert.True(i < 2000, $"Expected within 20 s: {what}. Done: {string.Join(", ", _log)}");
            await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System);
        }
    }

    /// <summary>What the machine tells of a session that it watches.</summary>
    public ISessionListener ListenerOf(SessionName session) => Of(session).Listener ?? throw new InvalidOperationException($"{session} is not watched.");

    /// <summary>The agent ends by itself.</summary>
    public void End(SessionName session, AgentReport? report = null, int? exitCode = 0, int? signal = null) => Of(session).Ended.TrySetResult(
        new(session, SessionEndKind.Exited, TaskScenario.Start.AddMinutes(1), signal is null ? exitCode : null, signal, false, report ?? TaskScenario.Said()));

    public SessionRequest RequestOf(SessionName session) => Of(session).Request ?? throw new InvalidOperationException($"{session} was not started.");

    private void Note(string what)
    {
        _log.Enqueue(what);
        Acted?.Invoke();
    }

    private Session Of(SessionName session) => _sessions.GetOrAdd(session, _ => new());

    private sealed class Session
    {
        public TaskCompletionSource<SessionEndedReport> Ended { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public bool HasStarted { get; set; }

        public bool IsStopped { get; set; }

        public SessionRequest? Request { get; set; }

        public ISessionListener? Listener { get; set; }

        public bool IsLive => HasStarted && !Ended.Task.IsCompleted;
    }
}
