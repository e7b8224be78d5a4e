using System.Collections.Concurrent;
using Microsoft.Extensions.Options;
using Orchestrator.Contracts.Sessions;
using Orchestrator.Interfaces.AgentTasks;
using Orchestrator.Interfaces.Machines;
using Orchestrator.Silo.Configuration;
using Orchestrator.Silo.Machines.Git;
using Orleans;
using SessionFolder = Orchestrator.Silo.Machines.Sessions.SessionFolder;

namespace Orchestrator.Silo.Machines.Cleanup;

/// <summary>Compresses the output of ended tasks, removes their sessions' folders when they are old, and makes sure that no key of an agent is left in one whose session is over.</summary>
internal sealed partial class SessionSweep(OrchestratorHome home, KnownTasks tasks, IGrainFactory grains, IOptions<CleanupOptions> options, TimeProvider clock, ILogger<SessionSweep> logger)
{
    private static readonly string[] Outputs = [SessionFiles.Transcript, SessionFiles.Events, SessionFiles.StandardError];

    // A folder whose keys are gone gets none any more.
    private readonly ConcurrentDictionary<string, bool> _withoutKeys = new(StringComparer.Ordinal);

    public async Task RunAsync(SweepRun run, CancellationToken cancellationToken)
    {
        if (!Directory.Exists(home.SessionsPath)) return;
        foreach (var folder in Directory.EnumerateDirectories(home.SessionsPath))
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (run.IsTimeOver)
            {
                run.IsCut = true;
                return;
            }

            if (tasks.Find(Path.GetFileName(folder)) is not { } entry) continue;
            var isOver = KnownTasks.IsOver(entry);
            var age = isOver && run.IsClockSound && clock.GetUtcNow() - entry.CompletedAt is { } passed && passed > TimeSpan.Zero ? passed : TimeSpan.Zero;
            foreach (var session in SessionsIn(folder, entry.TaskId).Where(session => !session.IsHeld)) await SweepAsync(session, isOver, age, run, cancellationToken);
            if (isOver && !run.IsDryRun && new DirectoryInfo(folder).LinkTarget is null && !Directory.EnumerateFileSystemEntries(folder).Any()) Directory.Delete(folder);
        }
    }

    private async Task SweepAsync(SessionFolder session, bool isOver, TimeSpan age, SweepRun run, CancellationToken cancellationToken)
    {
        try
        {
            if (!run.IsDryRun) ForgetKeys(session, isOver);
            if (isOver && age > options.Value.TranscriptAge)
            {
                if (run.SessionsRemoved >= options.Value.RemovalsMax * 10 || await IsActiveAsync(session)) return;
                if (!run.IsDryRun)
                {
                    FolderRemoval.Remove(session.Path);
                    _withoutKeys.TryRemove(session.Path, out _);
                }

                run.SessionsRemoved++;
            }
            else if (isOver && age > options.Value.TranscriptCompressAge)
            {
                foreach (var path in Outputs.Select(session.PathOf).Where(File.Exists))
                {
                    if (!run.IsDryRun && !await OutputArchive.CompressAsync(path, cancellationToken)) continue;
                    run.Compressed++;
                }
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // A full disk, mostly: the file stays as it is, and the next sweep tries again.
            LogNotSwept(session.Session, exception.Message);
            if (run.Troubles.Count < options.Value.RemovalsMax) run.Troubles.Add($"{session.Session}: {exception.Message}");
        }
    }

    private async Task<bool> IsActiveAsync(SessionFolder session) => await grains.GetGrain<IAgentTaskGrain>(session.Session.TaskId).GetAsync() is not { Phase: AgentTaskPhase.Ended };

    /// <summary>Keys are taken out at a session's end; here those of sessions whose end was missed. One that has not begun yet, of a task that goes on, still needs them.</summary>
    private void ForgetKeys(SessionFolder session, bool isOver)
    {
        if (_withoutKeys.ContainsKey(session.Path)) return;
        if (!isOver && !session.Has(SessionFiles.Exit) && !session.Has(SessionFiles.Started)) return;
        session.ForgetEnvironment();
        if (!isOver) return;
        // What a killed service was just writing.
        foreach (var half in Directory.EnumerateFiles(session.Path, "*.tmp")) File.Delete(half);
        _withoutKeys[session.Path] = true;
    }

    /// <summary>The sessions whose folders are in a task's. None when a link stands in its place: what it leads to is somebody else's.</summary>
    public IEnumerable<SessionFolder> SessionsIn(string folder, string taskId)
    {
        if (new DirectoryInfo(folder).LinkTarget is not null) yield break;
        foreach (var path in Directory.EnumerateDirectories(folder))
        {
            if (Path.GetFileName(path).Split('.') is not [var run, var attempt] || !int.TryParse(run, out var runNumber) || !int.TryParse(attempt, out var number)) continue;
            var session = new SessionFolder(home, new SessionName(taskId, runNumber, number));
            if (session.Path == path && new DirectoryInfo(path).LinkTarget is null) yield return session;
        }
    }

    [LoggerMessage(530, LogLevel.Warning, "Session {Session} has ended, and its files cannot be compressed or removed: {Reason}")]
    private partial void LogNotSwept(SessionName session, string reason);
}
