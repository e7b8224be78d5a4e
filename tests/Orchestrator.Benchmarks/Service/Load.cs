namespace Orchestrator.Benchmarks.Service;

/// <summary>How busy the machine is with other things too.</summary>
internal static class Load
{
    /// <summary>"load 1.20", the average of the last minute; empty where the system does not say.</summary>
    public static string Average => File.Exists("/proc/loadavg") ? $"load {File.ReadAllText("/proc/loadavg").Split(' ')[0]}" : "";
}
