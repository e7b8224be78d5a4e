using Microsoft.Extensions.Logging;
using Orchestrator.Interfaces.AgentTasks;
using Orchestrator.Interfaces.Machines;
using Orleans;

namespace Orchestrator.Grains.Machines;

/// <summary>
/// Runs the long work of one machine beside its turns, once for each session at a time: a repeated command finds the work under way and adds nothing. Stores nothing, as
/// whatever it did is on the disk, under names derived from task, run and attempt. Not reentrant, so that its jobs are counted right.
/// </summary>
[KeepAlive]
internal sealed partial class MachineGrain(IWorktrees worktrees, ISessions sessions, TimeProvider clock, ILogger<MachineGrain> logger) : Grain, IMachineGrain
{
    private readonly Dictionary<(SessionName Session, JobKind Kind), Job> _jobs = [];

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

    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        foreach (var job in _jobs.Values) job.Cancel();
        return Task.CompletedTask;
    }

    public Task PrepareAsync(WorktreeRequest request)
    {
        Begin(request.Session, JobKind.Prepare, async cancellationToken =>
        {
            var report = await Task.Run(() => PrepareAsync(request, cancellationToken), CancellationToken.None);
            await TaskOf(request.Session).WorktreePrepared(report);
        });
        return Task.CompletedTask;
    }

    /// <summary>The session's terminal is opened while git works: together they take as long as the slower one.</summary>
    private async Task<WorktreeReport> PrepareAsync(WorktreeRequest request, CancellationToken cancellationToken)
    {
        var opening = sessions.OpenAsync(request.Session);
        WorktreeReport report;
        try
        {
            report = await worktrees.PrepareAsync(request, cancellationToken);
        }
        finally
        {
            // Not given up with the worktree: whoever stops the session next must find it open, or never opened.
            await opening;
        }

        if (report.Worktree is null) await sessions.CloseAsync(request.Session);
        return report;
    }

    /// <summary>Who asks while it runs did not hear that it started: the notice was lost, and without it nobody would heed silence, budget and the conversation's id.</summary>
    public async Task StartAsync(SessionRequest request)
    {
        if (_jobs.TryGetValue((request.Session, JobKind.Session), out var running))
        {
            if (running.Started is { } told) await TaskOf(request.Session).SessionStarted(told);
            return;
        }

        Begin(request.Session, JobKind.Session, async cancellationToken =>
        {
            // What ended the attempt before may have ended its git in the middle. While this one runs already, git finds that somebody works there, and leaves all as it is.
            if (request.Session.Attempt > 1)
                await Task.Run(() => worktrees.UnlockAsync(request.Session, request.Worktree, cancellationToken), CancellationToken.None);
            var start = await Task.Run(() => sessions.StartAsync(request, cancellationToken), CancellationToken.None);
            if (start.Started is { } started)
            {
                _jobs[(request.Session, JobKind.Session)].Started = started;
                await TaskOf(request.Session).SessionStarted(started);
            }

            var ended = start.Ended
                ?? await Task.Run(() => sessions.WaitForEndAsync(request.Session, WorkerTypeOf(request), request.Worktree, ListenerOf(request.Session), cancellationToken), CancellationToken.None);
            await TaskOf(request.Session).SessionEnded(ended);
        });
    }

    public Task WatchAsync(SessionName session, string workerType, Worktree worktree)
    {
        Watch(session, workerType, worktree);
        return Task.CompletedTask;
    }

    public Task StopAsync(SessionName session, string workerType, Worktree? worktree, string reason)
    {
        // A worktree that is still being made is left half made: whoever needs it again makes it anew.
        var preparing = _jobs.GetValueOrDefault((session, JobKind.Prepare));
        preparing?.Cancel();
        Begin(session, JobKind.Stop, async cancellationToken =>
        {
            if (preparing is not null) await preparing.Ended;
            await Task.Run(() => sessions.StopAsync(session, reason, cancellationToken), CancellationToken.None);
            Watch(session, workerType, worktree);
        });
        return Task.CompletedTask;
    }

    public Task CollectAsync(SessionName session, Worktree worktree)
    {
        Begin(session, JobKind.Collect, async cancellationToken =>
        {
            var report = await Task.Run(() => worktrees.CollectAsync(session, worktree, cancellationToken), CancellationToken.None);
            await TaskOf(session).WorkCollected(report);
        });
        return Task.CompletedTask;
    }

    public Task KeepWorktreeAsync(SessionName session, Worktree worktree)
    {
        Begin(session, JobKind.Keep, async cancellationToken =>
        {
            var failure = await Task.Run(() => worktrees.KeepAsync(session, worktree, cancellationToken), CancellationToken.None);
            if (failure is not null) LogNotLetGo(logger, session.TaskId, worktree.Branch, failure.Message);
            await TaskOf(session).WorktreeSettled(session, failure?.Message);
        });
        return Task.CompletedTask;
    }

    public Task RemoveWorktreeAsync(SessionName session, Worktree worktree)
    {
        Begin(session, JobKind.Remove, async cancellationToken =>
        {
            var failure = await Task.Run(() => worktrees.RemoveAsync(session, worktree, cancellationToken), CancellationToken.None);
            if (failure is not null) LogNotRemoved(logger, session.TaskId, worktree.Path, failure.Message);
            await TaskOf(session).WorktreeRemoved(session, failure?.Message);
        });
        return Task.CompletedTask;
    }

    public Task FindWorktreeAsync(SessionName session, string repository)
    {
        Begin(session, JobKind.Find, async cancellationToken =>
        {
            var report = await Task.Run(() => worktrees.FindAsync(session, repository, cancellationToken), CancellationToken.None);
            await TaskOf(session).WorktreeFound(report);
        });
        return Task.CompletedTask;
    }

    private static string WorkerTypeOf(SessionRequest request) =>
        System.Text.Json.JsonSerializer.Deserialize(request.RequestJson, Contracts.AgentTasks.TaskRequestJsonContext.Default.TaskRequest)!.WorkerType;

    private void Watch(SessionName session, string workerType, Worktree? worktree) => Begin(session, JobKind.Session, async cancellationToken =>
    {
        var ended = await Task.Run(() => sessions.WaitForEndAsync(session, workerType, worktree, ListenerOf(session), cancellationToken), CancellationToken.None);
        await TaskOf(session).SessionEnded(ended);
    });

    private TaskNotices ListenerOf(SessionName session) => new(TaskOf(session), session);

    private IAgentTaskGrain TaskOf(SessionName session) => GrainFactory.GetGrain<IAgentTaskGrain>(session.TaskId);

    /// <summary>Begins a job unless the same one is under way. Its turns are this grain's, the adapters' work is the thread pool's.</summary>
    private void Begin(SessionName session, JobKind kind, Func<CancellationToken, Task> work)
    {
        if (_jobs.ContainsKey((session, kind))) return;
        var job = new Job();
        _jobs.Add((session, kind), job);
        _ = RunAsync();

        async Task RunAsync()
        {
            var startedAt = clock.GetTimestamp();
            try
            {
                await Task.Yield();
                await work(job.Token);
            }
            catch (OperationCanceledException) when (job.Token.IsCancellationRequested)
            {
                // Cancelled by a stop, which reports for it, or by the end of the service.
            }
            catch (Exception exception)
            {
                // The task asks again by its reminder.
                LogJobFailed(logger, exception, kind, session.TaskId, session.Run, session.Attempt, clock.GetElapsedTime(startedAt).TotalSeconds);
            }
            finally
            {
                _jobs.Remove((session, kind));
                job.Dispose();
            }
        }
    }

    [LoggerMessage(300, LogLevel.Error, "{Job} of task {TaskId}, run {Run}, attempt {Attempt} failed after {Seconds:0.0} s; it is tried again when whoever needs it asks again, mostly within a minute.")]
    private static partial void LogJobFailed(ILogger logger, Exception exception, JobKind job, string taskId, int run, int attempt, double seconds);

    [LoggerMessage(302, LogLevel.Warning, "Task {TaskId}: its branch {Branch} could not be let go; tasks that go on with it wait until the worktree is removed: {Why}")]
    private static partial void LogNotLetGo(ILogger logger, string taskId, string branch, string why);

    [LoggerMessage(301, LogLevel.Warning, "Task {TaskId}: its worktree '{Path}' was kept, because it could not be removed safely: {Why}")]
    private static partial void LogNotRemoved(ILogger logger, string taskId, string path, string why);

    private sealed class Job : IDisposable
    {
        private readonly CancellationTokenSource _cancellation = new();
        private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public CancellationToken Token => _cancellation.Token;

        public Task Ended => _ended.Task;

        /// <summary>What was told of the session that it runs; null before, and when it was not started here.</summary>
        public SessionStartedReport? Started { get; set; }

        public void Cancel() => _cancellation.Cancel();

        /// <summary>Its work is over.</summary>
        public void Dispose()
        {
            _ended.SetResult();
            _cancellation.Dispose();
        }
    }
}
