using System.Collections.Concurrent;
using Microsoft.Extensions.Options;
using Orchestrator.Interfaces.AgentTasks;
using Orchestrator.Silo.Configuration;
using Orchestrator.Silo.Health;
using Orchestrator.Silo.Machines.Git;
using Orleans;

namespace Orchestrator.Silo.Machines.Cleanup;

/// <summary>
/// Lets kept worktrees of ended tasks go, oldest end first. The task's grain decides whether one may go, stores that, and has it removed: a crash at any point is taken up by the grain. What is not
/// pushed is saved before; what cannot be saved stays, and is tried again after an hour.
/// </summary>
internal sealed partial class WorktreeSweep(
    StrayWorktrees strays, KnownTasks tasks, LiveSessions sessions, WorktreeSurvey survey, FolderSize sizes, MachineChecks checks, IGrainFactory grains, IOptions<CleanupOptions> options,
    TimeProvider clock, ILogger<WorktreeSweep> logger)
{
    private static readonly TimeSpan RemovalTimeMax = TimeSpan.FromMinutes(2), BetweenLooks = TimeSpan.FromMilliseconds(50), RetryDelayOnFullDisk = TimeSpan.FromMinutes(1);
    private readonly ConcurrentDictionary<string, Failure> _failures = new(StringComparer.Ordinal);

    /// <summary>Worktrees that could not be removed, and why. For <c>/health</c>.</summary>
    public IReadOnlyDictionary<string, string> Failures => _failures.ToDictionary(failure => failure.Key, failure => failure.Value.Reason, StringComparer.Ordinal);

    public async Task RunAsync(SweepRun run, CancellationToken cancellationToken)
    {
        var kept = FindKept();
        var homeBytes = 0L;
        if (options.Value.HomeBytesMax > 0)
        {
            kept = [.. kept.Select(worktree => worktree with { Bytes = sizes.OfKept(worktree) })];
            homeBytes = sizes.OfHome(kept);
        }

        sizes.Keep(kept);
        foreach (var gone in _failures.Keys.Except(kept.Select(worktree => worktree.Session.TaskId))) _failures.TryRemove(gone, out _);
        var removals = 0;
        foreach (var choice in SweepPlan.Choose(kept, options.Value, clock.GetUtcNow(), homeBytes, run.IsClockSound, isDiskFull: !checks.HasRoomOnDisk))
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (removals == options.Value.RemovalsMax || run.IsTimeOver)
            {
                run.IsCut = true;
                break;
            }

            if (await TryAsync(choice, run, cancellationToken)) removals++;
        }
    }

    private List<KeptWorktree> FindKept() =>
    [
        .. strays.Names().Select(tasks.Find).OfType<Grains.AgentTasks.CatalogEntry>().Where(KnownTasks.IsOver)
            .Select(entry => new KeptWorktree(new(entry.TaskId, entry.Run, entry.Attempt), entry.Repository, entry.CompletedAt!.Value)),
    ];

    /// <summary>Whether it counts as one of those that a sweep may remove.</summary>
    private async Task<bool> TryAsync(WorktreeChoice choice, SweepRun run, CancellationToken cancellationToken)
    {
        var taskId = choice.Worktree.Session.TaskId;
        if (_failures.TryGetValue(taskId, out var failure) && clock.GetElapsedTime(failure.At) < (choice.OnlyClean ? RetryDelayOnFullDisk : options.Value.RetryDelay))
        {
            run.Kept.Add(new(taskId, $"{failure.Reason} It is tried again later."));
            return false;
        }

        if (sessions.FindAlive(taskId) is { } alive)
        {
            run.Kept.Add(new(taskId, $"Something of it lives: {alive}."));
            return false;
        }

        if (choice.OnlyClean && !await survey.IsCleanAsync(taskId, choice.Worktree.Repository, cancellationToken)) return false;
        if (run.IsDryRun)
        {
            run.Removed.Add(new(taskId, choice.Reason));
            return true;
        }

        return await RemoveAsync(choice, run, cancellationToken);
    }

    private async Task<bool> RemoveAsync(WorktreeChoice choice, SweepRun run, CancellationToken cancellationToken)
    {
        var session = choice.Worktree.Session;
        Task<WorktreeRelease> ReleaseAsync() => grains.GetGrain<IAgentTaskGrain>(session.TaskId).ReleaseWorktreeAsync(session, choice.Reason);
        async Task<bool> IsGoneAsync() => await ReleaseAsync() == WorktreeRelease.Gone;
        try
        {
            var answer = await ReleaseAsync();
            if (answer is WorktreeRelease.Active or WorktreeRelease.Unknown) return false;
            if (answer == WorktreeRelease.Gone)
            {
                // The task knows of none, and there is one: nobody knows what is in it.
                if (await strays.PutAsideAsync(session.TaskId, "Its task has ended and knows of no worktree.", IsGoneAsync, cancellationToken) is { } aside) run.Quarantined.Add(new(session.TaskId, aside));
                return true;
            }

            if (await WaitAsync(session.TaskId, cancellationToken) is { } problem) Fail(session.TaskId, problem, run);
            else
            {
                _failures.TryRemove(session.TaskId, out _);
                run.Removed.Add(new(session.TaskId, choice.Reason));
                LogRemoved(session.TaskId, choice.Reason);
            }

            return true;
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            Fail(session.TaskId, exception.Message, run);
            return true;
        }
    }

    /// <summary>Null when the worktree is gone; else why it stayed.</summary>
    private async Task<string?> WaitAsync(string taskId, CancellationToken cancellationToken)
    {
        var startedAt = clock.GetTimestamp();
        while (clock.GetElapsedTime(startedAt) < RemovalTimeMax)
        {
            if (await grains.GetGrain<IAgentTaskGrain>(taskId).GetAsync() is not { } task || task.WorktreeRemovedAt is not null) return null;
            if (task.WorktreeProblem is { } problem) return problem;
            await Task.Delay(BetweenLooks, clock, cancellationToken);
        }

        return "Its removal takes long, and goes on.";
    }

    private void Fail(string taskId, string reason, SweepRun run)
    {
        _failures[taskId] = new(reason, clock.GetTimestamp());
        run.Kept.Add(new(taskId, reason));
        LogKept(taskId, reason);
    }

    [LoggerMessage(500, LogLevel.Information, "The worktree of task {TaskId} was removed: {Reason}")]
    private partial void LogRemoved(string taskId, string reason);

    [LoggerMessage(501, LogLevel.Warning, "The worktree of task {TaskId} could not be removed, and is kept: {Reason}")]
    private partial void LogKept(string taskId, string reason);

    private sealed record Failure(string Reason, long At);
}
