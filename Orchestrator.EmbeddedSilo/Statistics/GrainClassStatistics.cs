using System.Numerics;

namespace Orchestrator.EmbeddedSilo.Statistics;

/// <summary>Counts the calls of one grain class and their latencies, in buckets of a quarter of a power of two.</summary>
internal sealed class GrainClassStatistics
{
    private const int BucketsPerDoubling = 4;

    private const int SamplesMax = 10;

    private readonly long[] _buckets = new long[64 * BucketsPerDoubling];
    private readonly Queue<(long At, long Calls)> _samples = new();
    private long _failures;

    public long Failures => Volatile.Read(ref _failures);

    public long Calls
    {
        get
        {
            long calls = 0;
            foreach (ref var bucket in _buckets.AsSpan()) calls += Volatile.Read(ref bucket);
            return calls;
        }
    }

    /// <summary>Counts one call.</summary>
    /// <param name="elapsed">From sending to the end, in units of the clock's timestamps.</param>
    /// <param name="hasFailed">Whether the grain threw.</param>
    public void Record(long elapsed, bool hasFailed)
    {
        Interlocked.Increment(ref _buckets[BucketOf(elapsed)]);
        if (hasFailed) Interlocked.Increment(ref _failures);
    }

    /// <summary>Notes the count of calls at that time; the last samples give the rate.</summary>
    public void Sample(long now)
    {
        lock (_samples)
        {
            if (_samples.Count == SamplesMax) _samples.Dequeue();
            _samples.Enqueue((now, Calls));
        }
    }

    /// <summary>Calls for each unit of the clock's timestamps, from the oldest sample to now; 0 before there is one.</summary>
    public double RateAt(long now)
    {
        lock (_samples) return _samples.TryPeek(out var oldest) && now > oldest.At ? (double)(Calls - oldest.Calls) / (now - oldest.At) : 0;
    }

    /// <summary>The upper bounds of the latencies below which those shares of the calls stay, in units of the clock's timestamps.</summary>
    public double[] Percentiles(params ReadOnlySpan<double> shares)
    {
        var counts = new long[_buckets.Length];
        long total = 0;
        for (var i = 0; i < counts.Length; i++) total += counts[i] = Volatile.Read(ref _buckets[i]);
        var results = new double[shares.Length];
        for (var s = 0; s < shares.Length && total > 0; s++)
        {
            var wanted = shares[s] * total;
            long seen = 0;
            for (var i = 0; i < counts.Length; i++)
            {
                seen += counts[i];
                if (seen < wanted || counts[i] == 0) continue;
                results[s] = UpperBoundOf(i);
                break;
            }
        }

        return results;
    }

    private static int BucketOf(long elapsed)
    {
        if (elapsed < BucketsPerDoubling) return (int)Math.Max(elapsed, 0);
        var power = BitOperations.Log2((ulong)elapsed);
        return ((power - 1) * BucketsPerDoubling) + (int)((elapsed >> (power - 2)) & (BucketsPerDoubling - 1));
    }

    private static double UpperBoundOf(int bucket)
    {
        if (bucket < BucketsPerDoubling) return bucket + 1;
        var power = (bucket / BucketsPerDoubling) + 1;
        return Math.Pow(2, power) * (1 + (((bucket % BucketsPerDoubling) + 1.0) / BucketsPerDoubling));
    }
}
