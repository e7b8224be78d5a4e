using System.Runtime.InteropServices;

namespace Orchestrator.KillTarget;

/// <summary>
/// Kills this process at the very moment of an acknowledgement. A kill from outside comes a millisecond later, when a write that was acknowledged
/// before its commit would long be committed.
/// </summary>
internal sealed class SelfKill
{
    private const int Sigkill = 9;

    private readonly int _processId = Environment.ProcessId;
    private readonly int _dieAt;
    private int _count;

    /// <param name="dieAt">The number of the acknowledgement; 0 for never.</param>
    public SelfKill(int dieAt)
    {
        _dieAt = dieAt;

        // Signal 0 does nothing; it makes the next call fast.
        _ = Kill(_processId, 0);
    }

    public void Acknowledged()
    {
        if (Interlocked.Increment(ref _count) == _dieAt) _ = Kill(_processId, Sigkill);
    }

    [DllImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Kill(int processId, int signal);
}
