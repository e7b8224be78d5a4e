using Orchestrator.Interfaces.AgentTasks;
using Orleans;
using Orleans.Runtime;

namespace Orchestrator.Simulator.Runtime;

/// <summary>
/// The reminders of one life of the service. As Orchestrator.EmbeddedSilo/Reminders/ReminderService.cs: the table is durable; while the process lives they tick by the steady clock, and
/// none is early.
/// </summary>
internal sealed class SimulatedReminders(SimulatedSilo silo)
{
    private readonly Dictionary<(Type Interface, string Key), Alarm> _alarms = [];

    private World World => silo.World;

    public Task<IGrainReminder> RegisterAsync(Activation activation, string name, TimeSpan dueTime, TimeSpan period)
    {
        var (registered, id) = (new Completion<IGrainReminder>(), IdOf(activation));
        void Register()
        {
            if (World.Mutations.Mutant != Mutant.ReminderForgotten) World.ReminderTable[id] = (name, period);
        }

        World.Agenda.Add(new(ItemKind.Write, $"remind {activation.Name}", (fate, _) =>
        {
            if (fate != Fate.Failed) Register();
            if (fate == Fate.Done)
            {
                Schedule(id, dueTime);
                registered.Complete(new Reminder(name));
            }
            else
            {
                registered.Fail(new OrleansException("The reminder cannot be stored."));
            }
        })
        {
            Crash = number =>
            {
                if (number == 1) Register();
            },
        });
        return registered.Task;
    }

    public IGrainReminder? Find(Activation activation, string name) =>
        World.ReminderTable.TryGetValue(IdOf(activation), out var known) && known.Name == name ? new Reminder(name) : null;

    public Task UnregisterAsync(Activation activation, string name)
    {
        var (removed, id) = (new Completion<bool>(), IdOf(activation));
        World.Agenda.Add(new(ItemKind.Write, $"remind no more {activation.Name}", (fate, _) =>
        {
            if (fate != Fate.Failed) World.ReminderTable.Remove(id);
            if (fate == Fate.Done)
            {
                if (_alarms.Remove(id, out var alarm)) World.Clock.Remove(alarm);
                removed.Complete(true);
            }
            else
            {
                removed.Fail(new OrleansException("The reminder cannot be removed."));
            }
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
        foreach (var (id, reminder) in World.ReminderTable) Schedule(id, reminder.Period);
    }

    private static (Type Interface, string Key) IdOf(Activation activation) =>
        (activation.Grain is IAgentTaskGrain ? typeof(IAgentTaskGrain) : typeof(Interfaces.Callbacks.ICallbackGrain), activation.Key);

    private void Schedule((Type Interface, string Key) id, TimeSpan wait)
    {
        if (_alarms.Remove(id, out var known)) World.Clock.Remove(known);
        _alarms[id] = World.Clock.Set($"reminder {id.Key}", wait, () => Tick(id));
    }

    private void Tick((Type Interface, string Key) id)
    {
        _alarms.Remove(id);
        if (!World.ReminderTable.TryGetValue(id, out var reminder)) return;
        Schedule(id, reminder.Period);
        var grainClass = GrainClass.Of(id.Interface)!;
        var call = new Call(
            $"reminder {grainClass.NameOf(id.Key)}", grain => ((IRemindable)grain).ReceiveReminder(reminder.Name, default), null) { Method = "Reminder" };
        World.Agenda.Add(new(ItemKind.OneWay, call.Label, (fate, _) =>
        {
            for (var times = fate switch { Fate.Lost => 0, Fate.Doubled => 2, _ => 1 }; times > 0; times--) silo.Deliver(grainClass, id.Key, call);
        }));
    }

    private sealed record Reminder(string ReminderName) : IGrainReminder;
}
