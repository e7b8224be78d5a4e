using System.Reflection;

namespace Orchestrator.Silo.Tests.Service;

/// <summary>The service as it was built with these tests.</summary>
internal static class BuiltService
{
    /// <summary>Its program.</summary>
    public static string Program { get; } =
        typeof(BuiltService).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(attribute => attribute.Key == "Service").Value!;
}
