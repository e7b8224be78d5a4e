namespace Orchestrator.Simulator.Runtime;

/// <summary>All that is under way, oldest first. Nothing happens unless somebody takes it from here.</summary>
internal sealed class Agenda
{
    private readonly List<PendingItem> _items = [];
    private readonly int _thread = Environment.CurrentManagedThreadId;

    public IReadOnlyList<PendingItem> Items => _items;

    /// <summary>Told what runs; for logs.</summary>
    public Action<PendingItem, Fate>? Running { get; set; }

    public long RunTotal { get; private set; }

    public void Add(PendingItem item)
    {
        // A continuation that was not run at once would go on beside the schedule.
        if (Environment.CurrentManagedThreadId != _thread) throw new InvalidOperationException($"'{item.Label}' comes from another thread.");
        _items.Add(item);
    }

    /// <summary>Ends one. A fate that it cannot have is none.</summary>
    public void Run(int index, Fate fate, int number)
    {
        var item = Take(index);
        if (fate != Fate.Done && !PendingItem.Faults[(int)item.Kind].Contains(fate)) fate = Fate.Done;
        RunTotal++;
        Running?.Invoke(item, fate);
        item.Run(fate, number);
    }

    /// <summary>Takes one out, to be added again.</summary>
    public PendingItem Take(int index)
    {
        var item = _items[index];
        _items.RemoveAt(index);
        return item;
    }

    public int Find(string label)
    {
        for (var i = 0; i < _items.Count; i++)
        {
            if (_items[i].Label == label) return i;
        }

        return -1;
    }

    /// <summary>The service dies: what it was at ends here, or goes on without it.</summary>
    /// <param name="number">Decides, for each in turn, whether it was done before.</param>
    public void Crash(int number)
    {
        var items = _items.ToArray();
        _items.Clear();
        for (var i = 0; i < items.Length; i++)
        {
            // In one process a notice dies with it; elsewhere it may arrive in the next life, and nothing depends on that.
            var isKept = items[i].IsOutside || (items[i].Kind == ItemKind.OneWay && ((number >> (i % 23)) & 3) == 3);
            if (isKept) _items.Add(items[i]);
            else items[i].Crash?.Invoke((number >> (i % 24)) & 1);
        }
    }
}
