using System.Diagnostics;
using System.Globalization;

namespace Orchestrator.Benchmarks;

/// <summary>One figure of several rounds.</summary>
/// <param name="Values">One for each round, in the order of the rounds.</param>
internal sealed record Measurement(IReadOnlyList<double> Values)
{
    public double Median => Values.Order().ElementAt(Values.Count / 2);

    /// <summary>Runs a round to warm up, then measures the others.</summary>
    public static async Task<Measurement> OfAsync(int rounds, Func<Task<double>> round)
    {
        await round();
        var values = new List<double>();
        for (var i = 0; i < rounds; i++) values.Add(await round());
        return new(values);
    }

    /// <summary>How often something is done in a second by so many callers at once.</summary>
    public static async Task<double> RateAsync(int callers, int callsEach, Func<int, int, Task> call)
    {
        var watch = Stopwatch.StartNew();
        await Task.WhenAll(Enumerable.Range(0, callers).Select(caller => Task.Run(async () =>
        {
            for (var i = 0; i < callsEach; i++) await call(caller, i);
        })));
        return callers * callsEach / watch.Elapsed.TotalSeconds;
    }

    public string Text(string format, double scale = 1) =>
        string.Create(CultureInfo.InvariantCulture, $"{(Median / scale).ToString(format, CultureInfo.InvariantCulture)} ({(Values.Min() / scale).ToString(format, CultureInfo.InvariantCulture)}–{(Values.Max() / scale).ToString(format, CultureInfo.InvariantCulture)})");
}
