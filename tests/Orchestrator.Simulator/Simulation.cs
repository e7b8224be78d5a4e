namespace Orchestrator.Simulator;

/// <summary>Many seeds, on all cores.</summary>
internal sealed class Simulation(Mutant mutant = Mutant.None)
{
    private const int StackBytes = 64 * 1024 * 1024;
    private readonly Lock _gate = new();
    private readonly List<SeedRun> _findings = [];
    private ulong _next;
    private ulong _end;
    private int _findingsMax;

    public Coverage Coverage { get; } = new();

    /// <summary>By seed.</summary>
    public IReadOnlyList<SeedRun> Findings
    {
        get
        {
            lock (_gate) return [.. _findings.OrderBy(finding => finding.Scenario.Seed)];
        }
    }

    /// <summary>Seeds that were begun.</summary>
    public ulong Begun(ulong from) => Math.Min(Volatile.Read(ref _next), _end) - from;

    /// <summary>Plays seeds until all are done, or enough of them failed.</summary>
    public void Run(ulong from, ulong count, int findingsMax, int threads)
    {
        (_next, _end, _findingsMax) = (from, from + count, findingsMax);
        var workers = Enumerable.Range(0, threads).Select(_ => new Thread(Work, StackBytes) { IsBackground = true }).ToList();
        foreach (var worker in workers) worker.Start();
        foreach (var worker in workers) worker.Join();
    }

    private void Work()
    {
        var coverage = new Coverage();
        while (true)
        {
            var seed = Interlocked.Increment(ref _next) - 1;
            if (seed >= _end) break;
            var run = SeedRun.Of(seed, mutant, coverage);
            if (run.Violation is null) continue;
            lock (_gate)
            {
                _findings.Add(run);
                if (_findings.Count >= _findingsMax) Volatile.Write(ref _next, _end);
            }
        }

        lock (_gate) Coverage.Add(coverage);
    }
}
