using Orchestrator.Torture.Checking;

namespace Orchestrator.Torture;

/// <summary>What a torture says while it goes on, and what it found.</summary>
/// <param name="part">Its name.</param>
/// <param name="write">Takes lines.</param>
internal sealed class TortureReport(string part, Action<string> write)
{
    private readonly Lock _gate = new();
    private readonly List<Finding> _findings = [];

    public IReadOnlyList<Finding> Findings
    {
        get
        {
            lock (_gate) return [.. _findings];
        }
    }

    /// <summary>A line about how it goes.</summary>
    public void Say(string text)
    {
        lock (_gate) write($"[{part}] {text}");
    }

    /// <summary>Something that must not be.</summary>
    /// <param name="finding">What.</param>
    /// <param name="where">Seed and place, by which it can be repeated.</param>
    public void Add(Finding finding, string where)
    {
        lock (_gate)
        {
            _findings.Add(finding with { Text = $"{finding.Text} ({where})" });
            write($"[{part}] FOUND {_findings[^1]}");
        }
    }

    /// <summary>What was seen too often to be chance, or too slow to be right.</summary>
    public void Require(bool condition, string invariant, string text, string where)
    {
        if (!condition) Add(new(invariant, text), where);
    }
}
