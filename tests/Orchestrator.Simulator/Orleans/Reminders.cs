using Orleans.Runtime;

namespace Orleans
{
    /// <summary>A grain that can be reminded.</summary>
    public interface IRemindable : IGrain
    {
        /// <summary>Is called at each tick.</summary>
        Task ReceiveReminder(string reminderName, TickStatus status);
    }

    /// <summary>A grain's reminders: timers that outlive its activation and the process.</summary>
    public static class GrainReminderExtensions
    {
        /// <summary>Stores a reminder durably, or changes the one of that name.</summary>
        public static Task<IGrainReminder> RegisterOrUpdateReminder(this Grain grain, string reminderName, TimeSpan dueTime, TimeSpan period) =>
            grain.Activation.Silo.Reminders.RegisterAsync(grain.Activation, reminderName, dueTime, period);

        /// <summary>The reminder of that name, or null.</summary>
        public static Task<IGrainReminder?> GetReminder(this Grain grain, string reminderName) =>
            Task.FromResult(grain.Activation.Silo.Reminders.Find(grain.Activation, reminderName));

        /// <summary>Removes a reminder durably.</summary>
        public static Task UnregisterReminder(this Grain grain, IGrainReminder reminder) =>
            grain.Activation.Silo.Reminders.UnregisterAsync(grain.Activation, reminder.ReminderName);
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
