using System.Collections.Concurrent;
using Microsoft.Extensions.Options;
using Orchestrator.Contracts.AgentTasks;
using Orchestrator.Contracts.Sessions;
using Orchestrator.Interfaces.Machines;
using Orchestrator.Silo.Agents;
using Orchestrator.Silo.Configuration;
using Orchestrator.Silo.Machines.Terminals;
using Orchestrator.Silo.Processes;

namespace Orchestrator.Silo.Machines.Sessions;

/// <summary>Starts a session host in a terminal, and waits until it says that it runs, or that it does not.</summary>
internal sealed class SessionStarter(
    SessionPreparation preparation, SessionViews views, Tmux tmux, IOptions<MachineOptions> machine, IOptions<SessionOptions> options, TimeProvider clock)
{
    private static readonly TimeSpan QuickLook = TimeSpan.FromMilliseconds(5), SlowLook = TimeSpan.FromMilliseconds(50), QuickTime = TimeSpan.FromMilliseconds(500);
    private readonly string _host = machine.Value.SessionHostPath ?? Path.Combine(AppContext.BaseDirectory, "session-host", "Orchestrator.SessionHost");

    // Sessions whose host was started ahead: it may not hold the lock yet.
    private readonly ConcurrentDictionary<SessionName, bool> _opened = new();

    /// <summary>Starts the host ahead: it waits for what it is to run.</summary>
    /// <exception cref="ToolFailedException">tmux is missing, or failed twice.</exception>
    /// <exception cref="IOException">The session's folder cannot be written.</exception>
    public async Task OpenAsync(SessionFolder folder)
    {
        if (!File.Exists(_host) || !_opened.TryAdd(folder.Session, true)) return;
        try
        {
            folder.Expect();
            await StartHostAsync(folder);
        }
        catch
        {
            _opened.TryRemove(folder.Session, out _);
            throw;
        }
    }

    /// <summary>The host that was started ahead has ended, or will.</summary>
    public void Forget(SessionName session) => _opened.TryRemove(session, out _);

    /// <returns>Null when it has started or ended; else why it cannot.</returns>
    public async Task<MachineFailure?> StartAsync(SessionFolder folder, SessionRequest request, TaskRequest task, AgentLaunch agent)
    {
        try
        {
            preparation.Prepare(folder, request, task, agent);
            if (!File.Exists(_host)) return new($"The session host is not at {_host}.", "Build or install the service again: the session host belongs beside it.", MachineFailureKind.Machine);
            if (!_opened.TryRemove(folder.Session, out _) && !folder.IsHeld) await StartHostAsync(folder);
            return await WaitForStartAsync(folder, isOurs: true);
        }
        catch (ToolFailedException failure) when (failure.Kind == ToolFailureKind.Missing)
        {
            return new("tmux is not installed: without it no session can be shown.", "Install tmux (apt-get install tmux, or brew install tmux), and start the service again.", MachineFailureKind.Machine);
        }
        catch (ToolFailedException failure)
        {
            return new(failure.Message, failure.Advice, failure.Kind == ToolFailureKind.TimedOut ? MachineFailureKind.Passing : MachineFailureKind.Machine);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return new($"The session's folder cannot be written: {failure.Message}", "Look for free space and access on the disk of ORCHESTRATOR_HOME.", MachineFailureKind.Machine);
        }
    }

    /// <summary>Ends when the host has said that it started or ended.</summary>
    /// <param name="folder">The session's.</param>
    /// <param name="isOurs">Whether this call's caller started it, and may once start it again when nothing comes of it.</param>
    /// <returns>Null when it has; else why it will not.</returns>
    public async Task<MachineFailure?> WaitForStartAsync(SessionFolder folder, bool isOurs)
    {
        var startedAt = clock.GetTimestamp();
        var askedAt = startedAt;
        var mayStartAgain = isOurs;
        while (true)
        {
            if (folder.Has(SessionFiles.Started) || folder.Has(SessionFiles.Exit)) return null;
            var elapsed = clock.GetElapsedTime(startedAt);
            if (clock.GetElapsedTime(askedAt) > options.Value.CheckInterval)
            {
                askedAt = clock.GetTimestamp();
                if (await FindFailureAsync(folder, elapsed, mayStartAgain) is { } what)
                {
                    // Somebody killed host or terminal before it said a word: no fault of the task's. Should the first one come after all, the lock lets only one of them run.
                    if (!mayStartAgain || elapsed > options.Value.StartTimeout) return await GiveUpAsync(folder, elapsed, what);
                    mayStartAgain = false;
                    await StartHostAsync(folder);
                }
            }

            await Task.Delay(elapsed < QuickTime ? QuickLook : SlowLook, clock);
        }
    }

    /// <returns>Null while it may still come; else what is seen instead of it.</returns>
    private async Task<string?> FindFailureAsync(SessionFolder folder, TimeSpan elapsed, bool mayStartAgain)
    {
        var pane = await ReadPaneAsync(folder);
        var isLate = elapsed > options.Value.StartTimeout;
        if (!isLate && (folder.IsHeld || pane is { IsDead: false })) return null;

        // Without a pane little is known: on a busy machine host and tmux take their time.
        if (!isLate && pane is null && !mayStartAgain) return null;
        if (folder.Has(SessionFiles.Started) || folder.Has(SessionFiles.Exit)) return null;
        return pane is null ? "its terminal is gone" : pane.Text.Length == 0 ? "it said nothing" : pane.Text;
    }

    private async Task<MachineFailure> GiveUpAsync(SessionFolder folder, TimeSpan elapsed, string what)
    {
        // Should it come after all, it finds that it must not start.
        folder.WriteStop(new SessionStop { Reason = "Its host did not start." });
        await views.EndAsync(folder.Session.TaskId, () => false, CancellationToken.None);
        return new($"The session host did not start within {elapsed.TotalSeconds:0} s: {what}", $"Run {_host} by hand to see what it says.", elapsed > options.Value.StartTimeout ? MachineFailureKind.Passing : MachineFailureKind.Machine);
    }

    private Task StartHostAsync(SessionFolder folder) => views.StartAsync(folder.Session.TaskId, [_host, folder.Path], CancellationToken.None);

    /// <summary>Null when there is none, or tmux does not answer.</summary>
    private async Task<TmuxPane?> ReadPaneAsync(SessionFolder folder)
    {
        try
        {
            return await tmux.ReadPaneAsync(folder.Session.TaskId, CancellationToken.None);
        }
        catch (ToolFailedException)
        {
            return null;
        }
    }
}
