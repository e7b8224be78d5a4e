using Orchestrator.EmbeddedSilo.Activations;
using Orchestrator.EmbeddedSilo.Reminders;
using Orleans.Runtime;

namespace Orleans
{
    /// <summary>A grain that can be reminded.</summary>
    public interface IRemindable : IGrain
    {
        /// <summary>Is called at each tick, as a call like any other; the grain is activated for it. An exception is logged; the next tick comes all the same.</summary>
        /// <param name="reminderName">The reminder's name.</param>
        /// <param name="status">When this tick and the first were due.</param>
        Task ReceiveReminder(string reminderName, TickStatus status);
    }

    /// <summary>A grain's reminders: timers that outlive its activation and the process.</summary>
    public static class GrainReminderExtensions
    {
        /// <summary>Stores a reminder durably, or changes the one of that name. A tick may be late, doubled or lost, never early.</summary>
        /// <param name="grain">The grain, inside one of its turns; it must be <see cref="IRemindable"/>.</param>
        /// <param name="reminderName">Unique within the grain.</param>
        /// <param name="dueTime">From now to the first tick, zero or more.</param>
        /// <param name="period">Between ticks, at least <see cref="Hosting.ReminderOptions.MinimumReminderPeriod"/>.</param>
        /// <exception cref="ArgumentException">The name is empty or a time out of its range.</exception>
        public static Task<IGrainReminder> RegisterOrUpdateReminder(this Grain grain, string reminderName, TimeSpan dueTime, TimeSpan period) =>
            RegisterOrUpdateReminder((IGrainBase)grain, reminderName, dueTime, period);

        /// <inheritdoc cref="RegisterOrUpdateReminder(Grain, string, TimeSpan, TimeSpan)" />
        public static Task<IGrainReminder> RegisterOrUpdateReminder(this IGrainBase grain, string reminderName, TimeSpan dueTime, TimeSpan period) =>
            Service(grain).RegisterOrUpdateAsync(grain.GrainContext.GrainId, reminderName, dueTime, period);

        /// <summary>The reminder of that name, or null.</summary>
        public static Task<IGrainReminder?> GetReminder(this Grain grain, string reminderName) => GetReminder((IGrainBase)grain, reminderName);

        /// <inheritdoc cref="GetReminder(Grain, string)" />
        public static Task<IGrainReminder?> GetReminder(this IGrainBase grain, string reminderName) =>
            Task.FromResult(Service(grain).Find(grain.GrainContext.GrainId, reminderName));

        /// <summary>All reminders of the grain.</summary>
        public static Task<List<IGrainReminder>> GetReminders(this Grain grain) => GetReminders((IGrainBase)grain);

        /// <inheritdoc cref="GetReminders(Grain)" />
        public static Task<List<IGrainReminder>> GetReminders(this IGrainBase grain) =>
            Task.FromResult(Service(grain).FindAll(grain.GrainContext.GrainId));

        /// <summary>Removes a reminder durably; one that is gone already is no error.</summary>
        public static Task UnregisterReminder(this Grain grain, IGrainReminder reminder) => UnregisterReminder((IGrainBase)grain, reminder);

        /// <inheritdoc cref="UnregisterReminder(Grain, IGrainReminder)" />
        public static Task UnregisterReminder(this IGrainBase grain, IGrainReminder reminder)
        {
            ArgumentNullException.ThrowIfNull(reminder);
            return Service(grain).UnregisterAsync(grain.GrainContext.GrainId, reminder.ReminderName);
        }

        private static ReminderService Service(IGrainBase grain)
        {
            ArgumentNullException.ThrowIfNull(grain);
            var activation = (Activation)grain.GrainContext;
            activation.CheckIsCurrent("Reminders are reached");
            return activation.Runtime.Reminders ?? throw new OrleansConfigurationException(
                "No reminder service is configured. Call UseSqliteReminderService() or UseInMemoryReminderService() on the silo builder.");
        }
    }
}

namespace Orleans.Runtime
{
    /// <summary>A reminder that is registered.</summary>
    public interface IGrainReminder
    {
        /// <summary>Its name, unique within the grain.</summary>
        string ReminderName { get; }
    }

    /// <summary>When a tick was due.</summary>
    /// <param name="firstTickTime">UTC.</param>
    /// <param name="period">Between ticks.</param>
    /// <param name="timeStamp">UTC.</param>
    public readonly struct TickStatus(DateTime firstTickTime, TimeSpan period, DateTime timeStamp)
    {
        /// <summary>When the first tick was due, UTC.</summary>
        public DateTime FirstTickTime { get; } = firstTickTime;

        /// <summary>The time between ticks.</summary>
        public TimeSpan Period { get; } = period;

        /// <summary>When this tick was sent, UTC.</summary>
        public DateTime CurrentTickTime { get; } = timeStamp;
    }
}

namespace Orleans.Hosting
{
    /// <summary>Limits of reminders.</summary>
    public sealed class ReminderOptions
    {
        /// <summary>The shortest period that may be registered. Default: 1 minute.</summary>
        public TimeSpan MinimumReminderPeriod { get; set; } = TimeSpan.FromMinutes(1);
    }
}
