using Microsoft.Extensions.Logging;

namespace Orchestrator.EmbeddedSilo.Activations;

/// <summary>
/// Looks after all activations at fixed times: lets the idle ones go, fails calls that wait for too long, samples rates. Idle ones go in small batches, each
/// waited for, so that a hundred thousand of them do not stand in front of other work.
/// </summary>
internal sealed partial class ActivationCollector(SiloRuntime runtime) : IDisposable
{
    private const int BatchSize = 128;

    private ITimer? _idleTimer;
    private ITimer? _overdueTimer;
    private ITimer? _sampleTimer;
    private int _isCollecting;

    public void Start()
    {
        var quantum = runtime.Collection.CollectionQuantum;
        var resolution = TimeSpan.FromTicks(Math.Clamp(runtime.ResponseTimeout.Ticks / 10, TimeSpan.TicksPerMillisecond * 50, TimeSpan.TicksPerSecond));
        using (ExecutionContext.SuppressFlow())
        {
            _idleTimer = runtime.Clock.CreateTimer(_ => _ = CollectAsync(), null, quantum, quantum);
            _overdueTimer = runtime.Clock.CreateTimer(_ => FailOverdueCalls(), null, resolution, resolution);
            _sampleTimer = runtime.Clock.CreateTimer(_ => SampleRates(), null, TimeSpan.Zero, TimeSpan.FromSeconds(1));
        }
    }

    public void Dispose()
    {
        _idleTimer?.Dispose();
        _overdueTimer?.Dispose();
        _sampleTimer?.Dispose();
    }

    /// <summary>Lets go what is idle now; returns how many went.</summary>
    public async Task<int> CollectAsync()
    {
        if (Interlocked.Exchange(ref _isCollecting, 1) != 0) return 0;
        try
        {
            var collected = 0;
            var now = runtime.Clock.GetTimestamp();
            var batch = new List<Task>(BatchSize);
            foreach (var activation in runtime.Catalog.Enumerate())
            {
                if (!activation.DeactivateIfIdle(now)) continue;
                batch.Add(activation.Deactivated);
                collected++;
                if (batch.Count < BatchSize) continue;
                await Task.WhenAll(batch);
                batch.Clear();
            }

            await Task.WhenAll(batch);
            if (collected > 0) LogCollected(runtime.Log, collected, runtime.Catalog.Count);
            return collected;
        }
        finally
        {
            Volatile.Write(ref _isCollecting, 0);
        }
    }

    private void FailOverdueCalls()
    {
        var now = runtime.Clock.GetTimestamp();
        foreach (var activation in runtime.Catalog.Enumerate()) activation.FailOverdueCalls(now);
    }

    private void SampleRates()
    {
        var now = runtime.Clock.GetTimestamp();
        foreach (var grainClass in runtime.Registry.Classes) grainClass.Statistics.Sample(now);
    }

    [LoggerMessage(20, LogLevel.Debug, "{Collected} idle activations were collected, {Left} are left.")]
    private static partial void LogCollected(ILogger logger, int collected, int left);
}
