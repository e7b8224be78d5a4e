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
    SessionPreparation preparation, Tmux tmux, IOptions<MachineOptions> machine, IOptions<SessionOptions> options, TimeProvider clock)
{
    private static readonly TimeSpan QuickLook = TimeSpan.FromMilliseconds(5), SlowLook = TimeSpan.FromMilliseconds(50), QuickTime = TimeSpan.FromMilliseconds(500);
    private readonly string _host = machine.Value.SessionHostPath ?? Path.Combine(AppContext.BaseDirectory, "session-host", "Orchestrator.SessionHost");

    /// <returns>Null when it has started or ended; else why it cannot.</returns>
    public async Task<MachineFailure?> StartAsync(SessionFolder folder, SessionRequest request, TaskRequest task, AgentLaunch agent)
    {
        try
        {
            preparation.Prepare(folder, request, task, agent);
            if (!File.Exists(_host)) return new($"The session host is not at {_host}.", "Build or install the service again: the session host belongs beside it.");
            await OpenAsync(folder);
            return await WaitForStartAsync(folder, startsLeft: 1);
        }
        catch (ToolFailedException failure) when (failure.Kind == ToolFailureKind.Missing)
        {
            return new("tmux is not installed: without it no session can be shown.", "Install tmux (apt-get install tmux, or brew install tmux), and start the service again.");
        }
        catch (ToolFailedException failure)
        {
            return new(failure.Message, failure.Advice);
        }
        catch (IOException failure)
        {
            return new($"The session's folder cannot be written: {failure.Message}", "Look for free space and access on the disk of ORCHESTRATOR_HOME.");
        }
    }

    /// <summary>Ends when the host has said that it started or ended.</summary>
    /// <returns>Null when it has; else why it will not.</returns>
    public Task<MachineFailure?> WaitForStartAsync(SessionFolder folder) => WaitForStartAsync(folder, startsLeft: 0);

    private Task OpenAsync(SessionFolder folder) => tmux.StartAsync(folder.Session.TaskId, [_host, folder.Path], CancellationToken.None);

    private async Task<MachineFailure?> WaitForStartAsync(SessionFolder folder, int startsLeft)
    {
        var startedAt = clock.GetTimestamp();
        var askedAt = startedAt;
        while (true)
        {
            if (folder.Has(SessionFiles.Started) || folder.Has(SessionFiles.Exit)) return null;
            var elapsed = clock.GetElapsedTime(startedAt);
            if (clock.GetElapsedTime(askedAt) > options.Value.CheckInterval)
            {
                askedAt = clock.GetTimestamp();
                if (await FindFailureAsync(folder, elapsed) is { } what)
                {
                    // Somebody killed host or terminal before it said a word: no fault of the task's. Should the first one come after all, the lock lets only one of them run.
                    if (startsLeft-- > 0 && elapsed <= options.Value.StartTimeout) await OpenAsync(folder);
                    else return await GiveUpAsync(folder, elapsed, what);
                }
            }

            await Task.Delay(elapsed < QuickTime ? QuickLook : SlowLook, clock);
        }
    }

    /// <returns>Null while it may still come; else what is seen instead of it.</returns>
    private async Task<string?> FindFailureAsync(SessionFolder folder, TimeSpan elapsed)
    {
        var pane = await tmux.ReadPaneAsync(folder.Session.TaskId, CancellationToken.None);
        var isLate = elapsed > options.Value.StartTimeout;
        if (folder.IsHeld && !isLate) return null;
        if (pane is { IsDead: false } && !isLate) return null;
        if (folder.Has(SessionFiles.Started) || folder.Has(SessionFiles.Exit)) return null;
        return pane is null ? "its terminal is gone" : pane.Text.Length == 0 ? "it said nothing" : pane.Text;
    }

    private async Task<MachineFailure> GiveUpAsync(SessionFolder folder, TimeSpan elapsed, string what)
    {
        // Should it come after all, it finds that it must not start.
        folder.WriteStop(new SessionStop { Reason = "Its host did not start." });
        await tmux.EndAsync(folder.Session.TaskId, CancellationToken.None);
        return new($"The session host did not start within {elapsed.TotalSeconds:0} s: {what}", $"Run {_host} by hand to see what it says.");
    }
}
