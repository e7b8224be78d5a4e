namespace Orchestrator.Torture;

/// <summary>Words for measured times.</summary>
internal static class Figures
{
    /// <summary>Median, 99th percentile and maximum, in milliseconds.</summary>
    public static string Of(IEnumerable<TimeSpan> times)
    {
        var sorted = times.Select(time => time.TotalMilliseconds).Order().ToList();
        return sorted.Count == 0 ? "none" : $"median {At(sorted, 0.5):0} ms, p99 {At(sorted, 0.99):0} ms, most {sorted[^1]:0} ms of {sorted.Count}";
    }

    private static double At(List<double> sorted, double part) => sorted[Math.Min(sorted.Count - 1, (int)(sorted.Count * part))];
}
