using Orchestrator.Interfaces.AgentTasks;
using Orchestrator.Interfaces.Callbacks;
using Orleans;
using Orleans.Runtime;

namespace Orchestrator.Simulator.Runtime;

/// <summary>What is stored of a reminder.</summary>
internal sealed record StoredReminder(string Name, DateTimeOffset StartAt, TimeSpan Period);

/// <summary>
/// The reminders of one life of the service. As Orchestrator.EmbeddedSilo/Reminders/ReminderService.cs: the table is durable and read at the start; while the process lives, what it knows of ticks by the steady clock;
/// a write that is said to have failed changes nothing of what it knows.
/// </summary>
internal sealed class SimulatedReminders(SimulatedSilo silo)
{
    private readonly Dictionary<(Type Interface, string Key), Known> _known = [];

    private World World => silo.World;

    public Task<IGrainReminder> RegisterAsync(Activation activation, string name, TimeSpan dueTime, TimeSpan period)
    {
        var (registered, id) = (new Completion<IGrainReminder>(), IdOf(activation));
        var entry = new StoredReminder(name, World.Clock.GetUtcNow() + dueTime, period);
        void Store()
        {
            if (World.Mutations.Mutant != Mutant.ReminderForgotten) World.ReminderTable[id] = entry;
        }

        World.Agenda.Add(new(ItemKind.Write, $"remind {activation.Name}", (fate, _) =>
        {
            if (fate != Fate.Failed) Store();
            if (fate != Fate.Done)
            {
                registered.Fail(new OrleansException("The reminder cannot be stored."));
                return;
            }

            if (World.Mutations.Mutant != Mutant.ReminderForgotten) Add(id, entry);
            registered.Complete(new Reminder(name));
        })
        {
            Crash = number =>
            {
                if (number == 1) Store();
            },
        });
        return registered.Task;
    }

    public IGrainReminder? Find(Activation activation, string name) => _known.TryGetValue(IdOf(activation), out var known) && known.Entry.Name == name ? new Reminder(name) : null;

    public Task UnregisterAsync(Activation activation, string name)
    {
        var (removed, id) = (new Completion<bool>(), IdOf(activation));
        World.Agenda.Add(new(ItemKind.Write, $"remind no more {activation.Name}", (fate, _) =>
        {
            if (fate != Fate.Failed) World.ReminderTable.Remove(id);
            if (fate != Fate.Done)
            {
                removed.Fail(new OrleansException($"The reminder {name} cannot be removed."));
                return;
            }

            if (_known.Remove(id, out var known) && known.Alarm is { } alarm) World.Clock.Remove(alarm);
            removed.Complete(true);
        })
        {
            Crash = number =>
            {
                if (number == 1) World.ReminderTable.Remove(id);
            },
        });
        return removed.Task;
    }

    /// <summary>At the start of the service.</summary>
    public void TakeUp()
    {
        foreach (var (id, entry) in World.ReminderTable) Add(id, entry);
    }

    private static (Type Interface, string Key) IdOf(Activation activation) =>
        (activation.Grain is IAgentTaskGrain ? typeof(IAgentTaskGrain) : typeof(ICallbackGrain), activation.Key);

    private void Add((Type Interface, string Key) id, StoredReminder entry)
    {
        if (_known.Remove(id, out var former) && former.Alarm is { } alarm) World.Clock.Remove(alarm);
        var wait = entry.StartAt - World.Clock.GetUtcNow();
        if (wait < TimeSpan.Zero) wait = entry.Period - TimeSpan.FromTicks(-wait.Ticks % entry.Period.Ticks);
        Schedule(id, _known[id] = new(entry), wait);
    }

    private void Schedule((Type Interface, string Key) id, Known known, TimeSpan wait) => known.Alarm = World.Clock.Set($"reminder {id.Key}", wait, () => Tick(id, known));

    private void Tick((Type Interface, string Key) id, Known known)
    {
        Schedule(id, known, known.Entry.Period);
        var grainClass = GrainClass.Of(id.Interface)!;
        var call = new Call(
            $"reminder {grainClass.NameOf(id.Key)}", grain => ((IRemindable)grain).ReceiveReminder(known.Entry.Name, default), null)
        { Method = "Reminder" };
        World.Agenda.Add(new(ItemKind.OneWay, call.Label, (fate, _) =>
        {
            for (var times = fate switch { Fate.Lost => 0, Fate.Doubled => 2, _ => 1 }; times > 0; times--) World.Silo.Deliver(grainClass, id.Key, call);
        }));
    }

    private sealed record Reminder(string ReminderName) : IGrainReminder;

    private sealed class Known(StoredReminder entry)
    {
        public StoredReminder Entry => entry;

        public Alarm? Alarm { get; set; }
    }
}
