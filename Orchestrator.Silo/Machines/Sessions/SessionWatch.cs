using System.Diagnostics;
using Microsoft.Extensions.Options;
using Orchestrator.Contracts.Sessions;
using Orchestrator.Interfaces.Machines;

namespace Orchestrator.Silo.Machines.Sessions;

/// <summary>That a session is over.</summary>
/// <param name="Kind">How.</param>
/// <param name="Exit">What its host said; null when it did not.</param>
internal sealed record SessionEnd(SessionEndKind Kind, SessionExit? Exit);

/// <summary>
/// Notices the end of every session that somebody waits for, with one timer for all: a look for <see cref="SessionFiles.Exit"/> at each tick, and a probe of the host's lock now
/// and then. The timer runs while there is somebody to wait for.
/// </summary>
internal sealed partial class SessionWatch(SessionViews views, IOptions<SessionOptions> options, TimeProvider clock, ILogger<SessionWatch> logger) : IDisposable
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, Watched> _watched = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource _isOver = new();
    private bool _isRunning;

    /// <summary>Ends with the session. Cancelling ends the wait.</summary>
    /// <param name="folder">Its folder.</param>
    /// <param name="life">Looks at it meanwhile; null: nobody wants to know.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task<SessionEnd> WhenEndedAsync(SessionFolder folder, SessionLife? life, CancellationToken cancellationToken)
    {
        try
        {
            if (TryRead(folder) is { } end) return end;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            LogCannotLook(error, folder.Session);
        }

        Watched watched;
        lock (_gate)
        {
            if (!_watched.TryGetValue(folder.Path, out watched!)) _watched.Add(folder.Path, watched = new Watched(folder, clock.GetTimestamp()));
            watched.Waiters++;
            watched.Life = life ?? watched.Life;
            if (!_isRunning) _ = RunAsync();
            _isRunning = true;
        }

        try
        {
            return await watched.Ended.Task.WaitAsync(cancellationToken);
        }
        finally
        {
            lock (_gate)
            {
                if (--watched.Waiters == 0) _watched.Remove(folder.Path);
            }
        }
    }

    public void Dispose()
    {
        _isOver.Cancel();
        _isOver.Dispose();
    }

    private static SessionEnd? TryRead(SessionFolder folder)
    {
        if (!folder.Has(SessionFiles.Exit) || folder.ReadExit() is not { } exit) return null;
        var kind = exit.Kind switch
        {
            SessionExitKind.AgentExited => SessionEndKind.Exited,
            SessionExitKind.StoppedBeforeStart => SessionEndKind.NotStarted,
            _ => SessionEndKind.SetupFailed,
        };
        return new(kind, exit);
    }

    private async Task RunAsync()
    {
        try
        {
            using var timer = new PeriodicTimer(options.Value.LookInterval, clock);
            do
            {
                Watched[] all;
                lock (_gate)
                {
                    all = [.. _watched.Values];
                    if (all.Length == 0)
                    {
                        _isRunning = false;
                        return;
                    }
                }

                foreach (var watched in all) Look(watched);
            }
            while (await timer.WaitForNextTickAsync(_isOver.Token));
        }
        catch (OperationCanceledException)
        {
            // The service ends; the sessions go on.
        }
    }

    private void Look(Watched watched)
    {
        try
        {
            if (TryRead(watched.Folder) is { } end)
            {
                watched.Ended.TrySetResult(end);
                return;
            }

            if (watched.Life is { IsDue: true } life) _ = Task.Run(() => LookForLife(watched, life));
        }
        catch (Exception error)
        {
            // Whatever it is: the watch of all the others goes on.
            LogCannotLook(error, watched.Folder.Session);
            return;
        }

        if (watched.IsChecked || (watched.CheckedAt is { } last && clock.GetElapsedTime(last) < options.Value.CheckInterval)) return;
        watched.IsChecked = true;
        _ = CheckAsync(watched);
    }

    private void LookForLife(Watched watched, SessionLife life)
    {
        try
        {
            life.Look();
        }
        catch (Exception error)
        {
            // As in CheckAsync.
            LogCannotLook(error, watched.Folder.Session);
        }
    }

    private async Task CheckAsync(Watched watched)
    {
        try
        {
            if (await CheckForLossAsync(watched) is { } end) watched.Ended.TrySetResult(end);
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            // Whatever it was (disk, process table): the next check looks anew, and until then nothing is claimed.
            LogCannotLook(error, watched.Folder.Session);
        }
        catch (OperationCanceledException)
        {
            // The service ends.
        }
        finally
        {
            watched.CheckedAt = clock.GetTimestamp();
            watched.IsChecked = false;
        }
    }

    /// <summary>The host's lock is the truth about its life; its last word is written before it lets go.</summary>
    private async Task<SessionEnd?> CheckForLossAsync(Watched watched)
    {
        var folder = watched.Folder;
        if (folder.IsHeld)
        {
            // A host that was opened ahead and hangs. Nobody knows its id, and it has started nothing: should it wake after all, it finds that it must not.
            if (!folder.Has(SessionFiles.Started) && folder.IsStopOverdue(options.Value, clock))
            {
                LogHung(folder.Session);
                return new(SessionEndKind.NotStarted, null);
            }

            if (clock.GetElapsedTime(watched.ViewedAt) < options.Value.ViewInterval) return null;
            watched.ViewedAt = clock.GetTimestamp();
            await views.EnsureAsync(folder, _isOver.Token);
            return null;
        }

        if (TryRead(folder) is { } end) return end;
        if (folder.ReadStarted() is { } started)
        {
            LogLost(folder.Session);
            await SessionLeftovers.EndAsync(folder, started, remark => LogLeftover(folder.Session, remark), _isOver.Token);
            return new(SessionEndKind.Lost, null);
        }

        if (folder.Has(SessionFiles.Stop) || !folder.Has(SessionFiles.Launch)) return new(SessionEndKind.NotStarted, null);
        if (clock.GetElapsedTime(watched.Since) < options.Value.StartTimeout) return null;
        // It was to start and never did. Should its host come after all, it finds that it must not.
        folder.WriteStop(new SessionStop { Reason = "Its host did not start in time." });
        return null;
    }

    [LoggerMessage(1, LogLevel.Warning, "Session {Session}: its host is gone without a word; what is left of it is ended")]
    private partial void LogLost(SessionName session);

    [LoggerMessage(4, LogLevel.Warning, "Session {Session}: its host hangs and has started nothing, long after it was told to stop; it counts as never started")]
    private partial void LogHung(SessionName session);

    [LoggerMessage(2, LogLevel.Error, "Session {Session} cannot be looked at; trying again")]
    private partial void LogCannotLook(Exception error, SessionName session);

    [LoggerMessage(3, LogLevel.Warning, "Session {Session}: {Remark}")]
    private partial void LogLeftover(SessionName session, string remark);

    [DebuggerDisplay("{Folder.Session}")]
    private sealed class Watched(SessionFolder folder, long since)
    {
        public SessionFolder Folder { get; } = folder;

        public long Since { get; } = since;

        public TaskCompletionSource<SessionEnd> Ended { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public int Waiters { get; set; }

        public SessionLife? Life { get; set; }

        public long? CheckedAt { get; set; }

        public long ViewedAt { get; set; } = since;

        public volatile bool IsChecked;
    }
}
