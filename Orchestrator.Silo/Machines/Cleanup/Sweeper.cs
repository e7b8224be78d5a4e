using Microsoft.Extensions.Options;
using Orchestrator.Contracts.AgentTasks;
using Orchestrator.Silo.Configuration;
using Orchestrator.Silo.Health;
using Orchestrator.Silo.Machines.Git;

namespace Orchestrator.Silo.Machines.Cleanup;

/// <summary>
/// One sweep after the other: what belongs to no task is put aside, kept worktrees go by policy, sessions' files are compressed and removed, old entries of the quarantine are deleted. Capped in number
/// and time; each step may be repeated, so that a sweep that was killed is no special case.
/// </summary>
internal sealed partial class Sweeper(
    Leftovers leftovers, WorktreeSweep worktrees, SessionSweep sessions, Quarantine quarantine, MirrorMaintenance mirrors, MachineChecks checks, IOptions<CleanupOptions> options, TimeProvider clock,
    ILogger<Sweeper> logger) : IHealthNotes, IDisposable
{
    /// <summary>How far wall clock and stopwatch may part between two sweeps.</summary>
    private static readonly TimeSpan JumpMax = TimeSpan.FromMinutes(30);

    private readonly SemaphoreSlim _turn = new(1, 1);
    private (DateTimeOffset At, long Timestamp) _last = (clock.GetUtcNow(), clock.GetTimestamp());

    /// <summary>What the last look found.</summary>
    public IReadOnlyList<HealthCheckView> Notes { get; private set; } = [new("cleanup", true, "not swept yet")];

    /// <summary>What cannot be cleaned up is somebody's to look at, and no reason not to send tasks.</summary>
    public bool IsSound => true;

    /// <summary>Sweeps; waits for one that is under way.</summary>
    /// <param name="isDryRun">Whether to only say what would be done.</param>
    /// <param name="cancellationToken">The service ends.</param>
    public async Task<SweepView> RunAsync(bool isDryRun, CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken);
        try
        {
            var startedAt = clock.GetTimestamp();
            var run = new SweepRun(isDryRun, IsClockSound(isDryRun), () => clock.GetElapsedTime(startedAt) > options.Value.TimeMax);
            await StepAsync(run, "what belongs to no task", () => leftovers.RunAsync(run, cancellationToken));
            await StepAsync(run, "worktrees", () => worktrees.RunAsync(run, cancellationToken));
            await StepAsync(run, "sessions", () => sessions.RunAsync(run, cancellationToken));
            await StepAsync(run, "quarantine", () => SweepQuarantine(run));
            // Packing needs room for all that it packs.
            if (!isDryRun && checks.HasRoomOnDisk) await StepAsync(run, "mirrors", () => mirrors.RunAsync(run, cancellationToken));
            Notes = [Describe(run.HeldLeftovers)];
            return run.ToView(clock.GetElapsedTime(startedAt));
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>What belongs to no task, there and in quarantine.</summary>
    public async Task<LeftoversView> ListAsync() => new()
    {
        Found = [.. (await leftovers.FindAsync()).Select(leftover => new LeftoverView(NameOf(leftover.Kind), leftover.Name, leftover.Path, leftover.Alive))],
        Quarantined = [.. quarantine.List().Select(entry => new QuarantinedView(
            entry.Id, NameOf(entry.Item.Kind), entry.Item.Name, entry.Path, entry.Item.From, entry.MovedAt, entry.Item.Why, entry.Item.Repository, entry.Item.SavedTo, entry.Item.IsSaved))],
    };

    public void Dispose() => _turn.Dispose();

    private static string NameOf(QuarantineKind kind) => kind.ToString().ToLowerInvariant();

    /// <summary>A clock that was set by hours or years must not make everything old at once; what it says counts from the next sweep on.</summary>
    private bool IsClockSound(bool isDryRun)
    {
        var (at, timestamp) = _last;
        var now = (At: clock.GetUtcNow(), Timestamp: clock.GetTimestamp());
        var parted = now.At - at - clock.GetElapsedTime(timestamp, now.Timestamp);
        if (!isDryRun) _last = now;
        if (parted.Duration() <= JumpMax) return true;
        LogJump(parted);
        return false;
    }

    /// <summary>A part that fails must not keep the others from their work.</summary>
    private async Task StepAsync(SweepRun run, string what, Func<Task> step)
    {
        try
        {
            await step();
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            LogStepFailed(exception, what);
            run.Troubles.Add($"{what}: {exception.Message}");
        }
    }

    private Task SweepQuarantine(SweepRun run)
    {
        if (!run.IsDryRun && run.IsClockSound) run.Troubles.AddRange(quarantine.RemoveEmpty());
        var (now, removed) = (clock.GetUtcNow(), 0);
        // One that cannot be deleted must not keep the others; nor does it count as one of those that a sweep may.
        foreach (var entry in quarantine.List().Where(entry => run.IsClockSound && entry.Item.IsSaved && now - entry.MovedAt > options.Value.QuarantineAge))
        {
            if (removed == options.Value.RemovalsMax) break;
            try
            {
                if (!run.IsDryRun) Quarantine.Remove(entry);
                removed++;
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                LogNotDeleted(entry.Path, exception.Message);
                if (run.Troubles.Count < options.Value.RemovalsMax) run.Troubles.Add($"{entry.Path}: {exception.Message}");
            }
        }

        run.QuarantineRemoved = removed;
        return Task.CompletedTask;
    }

    private HealthCheckView Describe(int held)
    {
        var failures = worktrees.Failures;
        var aside = quarantine.List().Count;
        var detail = $"{aside} things in quarantine, {held} that belong to no task and live";
        return failures.Count == 0
            ? new("cleanup", true, detail)
            : new("cleanup", false, $"{detail}; {failures.Count} worktrees could not be removed, such as that of {failures.First().Key}: {failures.First().Value}");
    }

    [LoggerMessage(540, LogLevel.Error, "Sweeping {What} failed; it is tried again with the next sweep")]
    private partial void LogStepFailed(Exception exception, string what);

    [LoggerMessage(544, LogLevel.Warning, "{Path} is in quarantine for long enough, and cannot be deleted: {Reason}")]
    private partial void LogNotDeleted(string path, string reason);

    [LoggerMessage(541, LogLevel.Warning, "The clock was set by {Time} since the last sweep; nothing is taken for old before the next one")]
    private partial void LogJump(TimeSpan time);
}
