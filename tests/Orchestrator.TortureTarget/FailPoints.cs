using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace Orchestrator.TortureTarget;

/// <summary>What dies at a fail point.</summary>
internal enum FailTarget
{
    /// <summary>This process, by SIGKILL.</summary>
    Service,

    /// <summary>The terminals' servers of the home; the service goes on.</summary>
    Tmux,

    /// <summary>First those, then this process.</summary>
    Both,

    /// <summary>The session host itself, at a point of its own.</summary>
    Host,
}

/// <summary>
/// Kills at one named point, once. Environment: <c>FAIL_POINT=name[:hit]</c> (the hit counts from 1; none: nothing is killed), <c>FAIL_TARGET=service|tmux|both</c>,
/// <c>FAIL_TRACE</c> a file to which the name of every point that is passed is appended.
/// </summary>
internal sealed class FailPoints
{
    private readonly Lock _gate = new();
    private readonly ConcurrentDictionary<string, int> _hits = new(StringComparer.Ordinal);
    private readonly FileStream? _trace;

    private FailPoints(string? point, int hit, FailTarget target, string? trace)
    {
        (Point, Hit, Target, TracePath) = (point, hit, target, trace);
        if (trace is not null) _trace = new(trace, FileMode.Append, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
    }

    /// <summary>The point; null: none.</summary>
    public string? Point { get; }

    /// <summary>At which of its hits.</summary>
    public int Hit { get; }

    public FailTarget Target { get; }

    /// <summary>Null: none is kept.</summary>
    public string? TracePath { get; }

    /// <summary>Where git's points are traced: a file of its own, as ours is written at offsets that we count, and not at its end whoever wrote last.</summary>
    public static string GitTraceOf(string trace) => trace + ".git";

    /// <exception cref="InvalidOperationException">There is no such point, or no such target.</exception>
    public static FailPoints FromEnvironment()
    {
        var parts = Environment.GetEnvironmentVariable("FAIL_POINT") is { Length: > 0 } point ? point.Split(':') : [];
        if (parts.Length > 0 && !FailPointNames.All.Contains(parts[0], StringComparer.Ordinal)) throw new InvalidOperationException($"There is no fail point '{parts[0]}'; --list names them.");
        var trace = Environment.GetEnvironmentVariable("FAIL_TRACE") is { Length: > 0 } path ? path : null;
        var target = Environment.GetEnvironmentVariable("FAIL_TARGET") is { Length: > 0 } text ? Enum.Parse<FailTarget>(text, ignoreCase: true) : FailTarget.Service;
        return new(parts.ElementAtOrDefault(0), parts.Length > 1 ? int.Parse(parts[1], CultureInfo.InvariantCulture) : 1, target, trace);
    }

    /// <summary>The point is passed: when it is the one, and this is the hit, this does not return (or returns with the terminals dead).</summary>
    public void Pass(string name)
    {
        lock (_gate) _trace?.Write(Encoding.UTF8.GetBytes(name + "\n"));
        if (name == Point && _hits.AddOrUpdate(name, 1, (_, before) => before + 1) == Hit) Fail();
    }

    /// <summary>Kills.</summary>
    private void Fail()
    {
        if (Target is FailTarget.Tmux or FailTarget.Both) KillTerminals();
        if (Target is FailTarget.Service or FailTarget.Both) KillSelf();
    }

    private static void KillSelf()
    {
        using var self = Process.GetCurrentProcess();
        self.Kill();
        using var never = new ManualResetEventSlim();
        never.Wait();
    }

    private static void KillTerminals()
    {
        var sockets = Path.Combine(Environment.GetEnvironmentVariable("ORCHESTRATOR_HOME")!, "s");
        if (!Directory.Exists(sockets)) return;
        foreach (var socket in Directory.GetFiles(sockets, "*.sock", SearchOption.AllDirectories))
        {
            using var tmux = Process.Start(new ProcessStartInfo("tmux", ["-S", socket, "kill-server"]) { RedirectStandardError = true, RedirectStandardOutput = true })!;
            tmux.WaitForExit();
        }
    }
}
