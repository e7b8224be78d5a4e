namespace Orchestrator.Benchmarks.Service;

/// <summary>Programs as scripts/bench.sh has built them.</summary>
internal static class Built
{
    private static readonly string Folder = Path.Combine(Root(), "Orchestrator.Silo", "bin", "Release", "net10.0");

    public static string Service { get; } = Path.Combine(Folder, "Orchestrator.Silo");

    public static string SessionHost { get; } = Path.Combine(Folder, "session-host", "Orchestrator.SessionHost");

    private static string Root()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "scripts", "bench.sh"))) return folder.FullName;
        throw new InvalidOperationException("The benchmarks are run from their repository: scripts/bench.sh.");
    }
}
