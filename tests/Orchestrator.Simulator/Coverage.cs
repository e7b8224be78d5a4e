using Orchestrator.Grains.AgentTasks;
using Orchestrator.Interfaces.AgentTasks;

namespace Orchestrator.Simulator;

/// <summary>What was reached, and how often.</summary>
internal sealed class Coverage
{
    private readonly SortedDictionary<string, long> _counts = new(StringComparer.Ordinal);
    private readonly long[] _effects = new long[32];
    private readonly long[] _verdicts = new long[32];

    public long Crashes { get; set; }

    /// <summary>Calls, answers and reports that were lost or doubled, and reads, writes and jobs that failed.</summary>
    public long Losses { get; set; }

    public long Steps { get; set; }

    public IReadOnlyDictionary<string, long> Counts => _counts;

    public long Of(AgentTaskEffect effect) => _effects[(int)effect];

    public long Of(VerdictKind verdict) => _verdicts[(int)verdict];

    public long OfEvent(AgentTaskPhase? phase, string method) => _counts.GetValueOrDefault($"{phase?.ToString() ?? "none"} × {method}");

    /// <summary>A task's grain gets a call.</summary>
    public void Received(AgentTaskPhase? phase, string method) => Count($"{phase?.ToString() ?? "none"} × {method}");

    public void Answered(string answer) => Count(answer);

    public void Asked(AgentTaskEffect effect) => _effects[(int)effect]++;

    public void Judged(VerdictKind verdict) => _verdicts[(int)verdict]++;

    public void Add(Coverage other)
    {
        foreach (var (what, count) in other._counts) _counts[what] = _counts.GetValueOrDefault(what) + count;
        for (var i = 0; i < _effects.Length; i++)
        {
            _effects[i] += other._effects[i];
            _verdicts[i] += other._verdicts[i];
        }

        (Crashes, Losses, Steps) = (Crashes + other.Crashes, Losses + other.Losses, Steps + other.Steps);
    }

    private void Count(string what) => _counts[what] = _counts.GetValueOrDefault(what) + 1;
}
