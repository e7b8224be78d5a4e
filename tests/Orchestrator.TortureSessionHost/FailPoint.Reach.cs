using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace Orchestrator.SessionHost;

/// <content>
/// What happens at a point: the file <c>fail-point</c> in the home says <c>name target</c>, and counts once. The environment of a session is made up from nothing, so that it cannot say so. Targets
/// are <c>host</c>, <c>service</c>, <c>tmux</c> and <c>both</c> (service and tmux).
/// </content>
internal static partial class FailPoint
{
    static partial void Reach(string name)
    {
        // <home>/sessions/<task>/<run>.<attempt>
        var home = Path.GetFullPath(Path.Combine(Environment.GetCommandLineArgs()[1], "..", "..", ".."));
        var order = Path.Combine(home, "fail-point");
        if (!File.Exists(order) || File.ReadAllText(order).Split(' ') is not [var point, var target] || point != name) return;
        try
        {
            File.Move(order, order + ".reached");
        }
        catch (IOException)
        {
            // Another host was first.
            return;
        }

        if (target is "tmux" or "both") KillTerminals(Path.Combine(home, "s"));
        if (target is "service" or "both") Kill(JsonDocument.Parse(File.ReadAllBytes(Path.Combine(home, "service.json"))).RootElement.GetProperty("pid").GetInt32());
        if (target is "host") Kill(Environment.ProcessId);
    }

    private static void Kill(int pid)
    {
        using var process = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", "kill -9 \"$0\"", pid.ToString(CultureInfo.InvariantCulture)]));
        process?.WaitForExit();
    }

    private static void KillTerminals(string sockets)
    {
        foreach (var socket in Directory.GetFiles(sockets, "*.sock", SearchOption.AllDirectories))
        {
            using var tmux = Process.Start(new ProcessStartInfo("tmux", ["-S", socket, "kill-server"]) { RedirectStandardError = true, RedirectStandardOutput = true });
            tmux?.WaitForExit();
        }
    }
}
