using System.Reflection;

namespace Orchestrator.Torture;

/// <summary>The programs under test, where they were built.</summary>
internal static class Programs
{
    /// <summary>The service as it is shipped.</summary>
    public static string Service { get; } = Find("Service");

    /// <summary>The same with fail points.</summary>
    public static string TortureTarget { get; } = Find("TortureTarget");

    private static string Find(string key) => typeof(Programs).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(attribute => attribute.Key == key).Value!;
}
