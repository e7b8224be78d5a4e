using Orchestrator.Grains.AgentTasks;
using Orchestrator.Interfaces.Capacity;
using Orleans;

namespace Orchestrator.Silo.Health;

/// <summary>The figures of <c>/health</c> that have to be asked for.</summary>
/// <param name="Capacity">Slots, leases and the line.</param>
/// <param name="Owing">Tasks that owe their callback.</param>
internal sealed record Figures(CapacitySnapshot Capacity, int Owing);

/// <summary>Asks grain and catalog, for a short time: a probe that gets no answer takes the whole machine for dead.</summary>
internal sealed partial class HealthFigures(IAgentTaskCatalog catalog, IGrainFactory grains, TimeProvider clock, ILogger<HealthFigures> log)
{
    /// <summary>How long they have to answer; existing probes wait for 5 s.</summary>
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(2);

    private readonly Lock _lock = new();
    private Task<Figures>? _asking;
    private Figures _last = new(new(0, 0, 0, 0, 0), 0);
    private bool _isInTrouble;

    /// <returns>The figures, and why they are old (null: they are not). None ever read: zeros.</returns>
    public async Task<(Figures Figures, string? Trouble)> ReadAsync()
    {
        try
        {
            var figures = await Ask().WaitAsync(Limit, clock);
            Volatile.Write(ref _isInTrouble, false);
            Volatile.Write(ref _last, figures);
            return (figures, null);
        }
        catch (Exception exception)
        {
            // Whoever asks for /health every second would fill the log.
            if (!Interlocked.Exchange(ref _isInTrouble, true)) LogFailed(log, exception);
            return (Volatile.Read(ref _last), exception is TimeoutException ? $"No answer within {Limit.TotalSeconds:0} s." : "It cannot be read; the service's log says why.");
        }
    }

    /// <summary>Those who ask while it hangs wait for the same answer.</summary>
    private Task<Figures> Ask()
    {
        lock (_lock)
        {
            if (_asking is not { IsCompleted: false }) _asking = Task.Run(AskAsync);
            return _asking;
        }
    }

    private async Task<Figures> AskAsync() => new(await grains.GetGrain<ICapacityGrain>(Pools.Default).GetAsync(), catalog.CountOwing());

    [LoggerMessage(113, LogLevel.Error, "The figures for /health cannot be read; the last ones are shown until they can.")]
    private static partial void LogFailed(ILogger logger, Exception exception);
}
