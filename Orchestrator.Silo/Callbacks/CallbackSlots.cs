namespace Orchestrator.Silo.Callbacks;

/// <summary>How many tries run at once: so many at one origin, so many in all. A slow origin takes no slot of the others while its own are full.</summary>
internal sealed class CallbackSlots : IDisposable
{
    private const int SlotsMax = 32;
    private const int SlotsPerOriginMax = 8;

    private readonly SemaphoreSlim _all = new(SlotsMax);
    private readonly Dictionary<string, Origin> _origins = new(StringComparer.Ordinal);

    /// <summary>Waits for a slot.</summary>
    public async Task EnterAsync(string origin, CancellationToken cancellationToken)
    {
        Origin slots;
        lock (_origins)
        {
            if (!_origins.TryGetValue(origin, out slots!)) _origins[origin] = slots = new();
            slots.Users++;
        }

        try
        {
            await slots.Free.WaitAsync(cancellationToken);
        }
        catch
        {
            Leave(origin, slots);
            throw;
        }

        try
        {
            await _all.WaitAsync(cancellationToken);
        }
        catch
        {
            slots.Free.Release();
            Leave(origin, slots);
            throw;
        }
    }

    /// <summary>Gives the slot back.</summary>
    public void Exit(string origin)
    {
        _all.Release();
        Origin slots;
        lock (_origins) slots = _origins[origin];
        slots.Free.Release();
        Leave(origin, slots);
    }

    public void Dispose()
    {
        _all.Dispose();
        lock (_origins)
        {
            foreach (var slots in _origins.Values) slots.Free.Dispose();
        }
    }

    private void Leave(string origin, Origin slots)
    {
        lock (_origins)
        {
            if (--slots.Users > 0) return;
            _origins.Remove(origin);
        }

        slots.Free.Dispose();
    }

    private sealed class Origin
    {
        public SemaphoreSlim Free { get; } = new(SlotsPerOriginMax);

        /// <summary>Those who have a slot or wait for one; guarded by the dictionary.</summary>
        public int Users { get; set; }
    }
}
