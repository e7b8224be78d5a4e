using System.Text;
using Orchestrator.Contracts.Sessions;
using Orchestrator.Processes;

namespace Orchestrator.SessionHost;

/// <summary><c>Orchestrator.SessionHost &lt;session folder&gt;</c>. Exit code 0: <see cref="SessionFiles.Exit"/> tells how it ended.</summary>
internal static class Program
{
    /// <summary>Another host has, or had, this session (EX_TEMPFAIL of sysexits.h).</summary>
    private const int Refused = 75;
    private const int WrongUsage = 64;
    private const int CannotWrite = 74;

    // The service looks whether the lock is held now and then, for an instant.
    private static readonly TimeSpan LockPatience = TimeSpan.FromMilliseconds(500);

    private static int Main(string[] arguments)
    {
        if (arguments is not [var path] || !Directory.Exists(path)) return Say("usage: Orchestrator.SessionHost <session folder>", WrongUsage);
        IgnoreTerminal();
        var folder = new SessionFolder(Path.GetFullPath(path));
        using var held = FileLock.TryAcquire(folder.PathOf(SessionFiles.Lock), LockPatience);
        if (held is null) return Say("Another host runs this session.", Refused);
        FailPoint.Pass("host.locked");
        if (folder.Has(SessionFiles.Exit) || folder.Has(SessionFiles.Started)) return Say("This session has run before.", Refused);
        try
        {
            if (!Expectation.WaitForLaunch(folder)) return Say("Nobody started this session.", Refused);
            folder.ReserveExit();
            ProcessTree.BecomeSubreaper();
            using var run = new SessionRun(folder);
            folder.WriteExit(run.Run());
            return 0;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // Without exit.json the service finds the lock free and calls the session lost.
            return Say($"The session's folder cannot be written: {error.Message}", CannotWrite);
        }
    }

    /// <summary>Closing the terminal, or a key in it, must not end or stop the host. Interrupt (^C) is relayed to the agent.</summary>
    private static void IgnoreTerminal()
    {
        Signals.Ignore(Signals.Hangup);
        Signals.Ignore(Signals.Quit);
        Signals.Ignore(Signals.TerminalStop);
        Signals.Ignore(Signals.TerminalRead);
        Signals.Ignore(Signals.TerminalWrite);
    }

    private static int Say(string text, int exitCode)
    {
        PaneWriter.TryWriteNow(Encoding.UTF8.GetBytes($"{text}\n"));
        return exitCode;
    }
}
