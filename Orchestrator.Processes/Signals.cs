using System.Runtime.InteropServices;

namespace Orchestrator.Processes;

/// <summary>Signal numbers, the same on Linux and macOS but for the terminal's stops.</summary>
internal static class Signals
{
    internal const int Hangup = 1;
    internal const int Interrupt = 2;
    internal const int Quit = 3;
    internal const int Kill = 9;
    internal const int Terminate = 15;
    internal static readonly int TerminalStop = OperatingSystem.IsMacOS() ? 18 : 20;
    internal const int TerminalRead = 21;
    internal const int TerminalWrite = 22;
    private const int Stop = 19, AppleStop = 17;

    /// <summary>Signals that no program may set, and that a set of defaults must not name.</summary>
    internal static int Unblockable => OperatingSystem.IsMacOS() ? AppleStop : Stop;

    /// <summary>Sends to one process. False when it is gone, or not ours.</summary>
    internal static bool Send(int pid, int signal) => pid > 1 && LibC.Kill(pid, signal) == 0;

    /// <summary>Whether the system lets this process send signals to that one. True for one that is gone, too.</summary>
    internal static bool IsAllowed(int pid)
    {
        const int NotPermitted = 1;
        return LibC.Kill(pid, 0) == 0 || Marshal.GetLastPInvokeError() != NotPermitted;
    }

    /// <summary>Sends to every process of a group. False when none is left.</summary>
    internal static bool SendToGroup(int group, int signal) => group > 1 && LibC.Kill(-group, signal) == 0;

    /// <summary>Lets the signal do nothing to this process. Programs that <see cref="ChildProcess"/> starts have the default again.</summary>
    internal static void Ignore(int signal)
    {
        const nint IgnoreDisposition = 1;
        LibC.SetDisposition(signal, IgnoreDisposition);
    }

    /// <summary>The name that people know it by, such as <c>SIGTERM</c>.</summary>
    internal static string NameOf(int signal) => signal switch
    {
        Hangup => "SIGHUP",
        Interrupt => "SIGINT",
        Quit => "SIGQUIT",
        6 => "SIGABRT",
        Kill => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        Terminate => "SIGTERM",
        _ => $"signal {signal}",
    };

    /// <summary>Registers a handler that replaces the signal's default.</summary>
    internal static PosixSignalRegistration Handle(PosixSignal signal, Action handler) => PosixSignalRegistration.Create(signal, context =>
    {
        context.Cancel = true;
        handler();
    });
}
