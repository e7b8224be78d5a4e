namespace Orchestrator.Benchmarks;

/// <summary>The table that the run prints: median and range of each figure, and the goal beside it.</summary>
internal sealed class Report
{
    private readonly List<(string What, string Measured, string Goal)> _rows = [];

    public void Add(string what, string measured, string goal)
    {
        _rows.Add((what, measured, goal));
        Console.Error.WriteLine($"  {what}: {measured}");
    }

    public void Print()
    {
        Console.WriteLine("| what | measured: median (range) | goal |");
        Console.WriteLine("|---|---|---|");
        foreach (var (what, measured, goal) in _rows) Console.WriteLine($"| {what} | {measured} | {goal} |");
    }
}
