using System.Diagnostics;

namespace Orchestrator.SessionHost;

/// <summary>Named points at which a test build of this program can be made to fail (tests/Orchestrator.TortureSessionHost). In any other build there is no call of it.</summary>
internal static partial class FailPoint
{
    [Conditional("FAIL_POINTS")]
    internal static void Pass(string name) => Reach(name);

    static partial void Reach(string name);
}
