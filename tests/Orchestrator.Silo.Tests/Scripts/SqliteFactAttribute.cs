using Orchestrator.Testing;

namespace Orchestrator.Silo.Tests.Scripts;

/// <summary>A fact about what scripts do with SQLite's command line; skipped, with the reason, where that is not installed.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class SqliteFactAttribute : FactAttribute
{
    public SqliteFactAttribute() => Skip = InstalledProgram.WhyMissing("sqlite3");
}
