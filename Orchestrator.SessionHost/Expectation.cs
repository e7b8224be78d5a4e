using Orchestrator.Contracts.Sessions;
using Orchestrator.Processes;

namespace Orchestrator.SessionHost;

/// <summary>
/// The time between the start of a host and that of its session, when the service opens the terminal while the worktree is still being made. It leaves no trace: a host that waited in vain
/// lets go of the lock, and another one may take its place.
/// </summary>
internal static class Expectation
{
    // Longer than the slowest worktree. Should the service be gone for longer, it opens another terminal.
    private static readonly TimeSpan Patience = TimeSpan.FromHours(1);
    // A single worktree is quicker than the start of this program; when many are made at once, those who wait must not take the processor from those who work.
    private static readonly TimeSpan QuickTime = TimeSpan.FromMilliseconds(60), QuickLook = TimeSpan.FromMilliseconds(2), SlowLook = TimeSpan.FromMilliseconds(25);

    /// <summary>Waits until there is something to run, or to stop. False when nobody expects a start any more.</summary>
    internal static bool WaitForLaunch(SessionFolder folder)
    {
        if (IsDecided(folder)) return true;
        WarmUp();
        var startedAt = TimeProvider.System.GetTimestamp();
        using var never = new ManualResetEventSlim();
        while (true)
        {
            // In this order: the file may go once the launch is there.
            var isExpected = folder.Has(SessionFiles.Expected);
            if (IsDecided(folder)) return true;
            var elapsed = TimeProvider.System.GetElapsedTime(startedAt);
            if (!isExpected || elapsed > Patience) return false;
            never.Wait(elapsed < QuickTime ? QuickLook : SlowLook);
        }
    }

    private static bool IsDecided(SessionFolder folder) => folder.Has(SessionFiles.Launch) || folder.Has(SessionFiles.Stop);

    /// <summary>What is compiled at its first use is used once, while there is nothing else to do.</summary>
    private static void WarmUp()
    {
        _ = SessionJson.ReadLaunch(
            """{"taskId":"t","run":1,"attempt":1,"arguments":["a"],"workingDirectory":"/","environment":{"A":"b"},"input":1,"setupScript":"s","outputBytesMax":1}"""u8.ToArray());
        _ = SessionJson.Write(new SessionStarted
        {
            StartedAt = TimeProvider.System.GetUtcNow(),
            HostPid = Environment.ProcessId,
            HostStartTime = ProcessIdentity.Own.StartTime,
            AgentPid = 1,
            AgentStartTime = 1,
            BootId = ProcessIdentity.CurrentBootId,
        });
    }
}
