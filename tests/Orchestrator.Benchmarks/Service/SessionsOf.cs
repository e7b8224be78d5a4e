using System.Globalization;
using System.Text.Json;
using Orchestrator.Contracts.Sessions;

namespace Orchestrator.Benchmarks.Service;

/// <summary>Sessions outlive the service, so whoever made a home for a measurement ends what runs there.</summary>
internal static class SessionsOf
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20), Look = TimeSpan.FromMilliseconds(20);

    /// <summary>Ends session hosts with their agents, and their tmux servers.</summary>
    public static async Task EndAsync(string home)
    {
        var sessions = Path.Combine(home, "sessions");
        var folders = Directory.Exists(sessions) ? Directory.GetDirectories(sessions).SelectMany(Directory.GetDirectories).ToList() : [];
        foreach (var folder in folders.Where(folder => !HasEnded(folder)))
            if (HostOf(folder) is { } pid) await Programs.TryRunAsync("kill", "-TERM", pid.ToString(CultureInfo.InvariantCulture));
        await UntilAsync(() => folders.TrueForAll(HasEnded));
        var sockets = Path.Combine(home, "s");
        if (!Directory.Exists(sockets)) return;
        foreach (var socket in Directory.GetDirectories(sockets).SelectMany(folder => Directory.GetFiles(folder, "*.sock"))) await Programs.TryRunAsync("tmux", "-S", socket, "kill-server");
    }

    /// <summary>Waits until every session that was begun there has ended, and its terminal too.</summary>
    public static async Task UntilEndedAsync(string home)
    {
        var sockets = Path.Combine(home, "s");
        await UntilAsync(() => !Directory.Exists(sockets) || Directory.GetDirectories(sockets).Length == 0);
    }

    private static bool HasEnded(string folder) => File.Exists(Path.Combine(folder, SessionFiles.Exit)) || !File.Exists(Path.Combine(folder, SessionFiles.Started));

    private static int? HostOf(string folder) =>
        JsonSerializer.Deserialize(File.ReadAllBytes(Path.Combine(folder, SessionFiles.Started)), SessionJsonContext.Default.SessionStarted)?.HostPid;

    private static async Task UntilAsync(Func<bool> isDone)
    {
        var clock = TimeProvider.System;
        var startedAt = clock.GetTimestamp();
        while (!isDone())
        {
            if (clock.GetElapsedTime(startedAt) > Patience) throw new TimeoutException("Sessions of the measurement did not end.");
            await Task.Delay(Look, clock);
        }
    }
}
