using System.Reflection;

namespace Orchestrator.Silo.Tests.Service;

/// <summary>The service as it was built with these tests.</summary>
internal static class BuiltService
{
    /// <summary>Its program.</summary>
    public static string Program { get; } = Find("Service");

    /// <summary>Its test build, whose storage fails by <c>STORAGE_FAULTS</c> and whose fetches end after <c>TEST_GIT_SECONDS</c>.</summary>
    public static string TestProgram { get; } = Find("TestService");

    private static string Find(string key) => typeof(BuiltService).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(attribute => attribute.Key == key).Value!;
}
