namespace Orchestrator.Processes;

/// <summary>One process, for ever: a pid alone is given to another one day. A class, as <see cref="ProcessEntry"/> is: collections of structs of ours are compiled at run time.</summary>
/// <param name="Pid">Its process id.</param>
/// <param name="StartTime">In the system's own unit (Linux: clock ticks since boot; macOS: microseconds since 1970).</param>
/// <param name="BootId">The boot it lives in.</param>
internal sealed record ProcessIdentity(int Pid, long StartTime, string BootId)
{
    private static readonly Lazy<string> Boot = new(ReadBootId);

    /// <summary>This boot's id.</summary>
    internal static string CurrentBootId => Boot.Value;

    /// <summary>This process.</summary>
    internal static ProcessIdentity Own => Of(Environment.ProcessId) ?? throw new InvalidOperationException("This process is not in the process table.");

    /// <summary>Whether this very process runs. One that has ended and was not yet waited for does not.</summary>
    internal bool IsAlive => BootId == CurrentBootId && ProcessTable.Find(Pid) is { IsEnded: false } entry && entry.StartTime == StartTime;

    /// <summary>Who has that pid now; null: nobody.</summary>
    internal static ProcessIdentity? Of(int pid) => ProcessTable.Find(pid) is { } entry ? new(pid, entry.StartTime, CurrentBootId) : null;

    /// <summary>Sends a signal to this very process. False when it is gone.</summary>
    internal bool Send(int signal) => IsAlive && Signals.Send(Pid, signal);

    private static string ReadBootId() => OperatingSystem.IsMacOS()
        ? AppleProcessTable.ReadBootId()
        : File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim();
}
