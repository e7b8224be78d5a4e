using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Orchestrator.EmbeddedSilo.CodeGeneration;
using Orleans;
using Orleans.Hosting;
using Orleans.Runtime;

namespace Orchestrator.EmbeddedSilo.Reminders;

/// <summary>
/// Ticks all reminders, from one timer and one queue. While the silo runs, ticks follow the steady clock, so that a wall clock that jumps neither
/// holds them back nor makes them storm; the wall clock only tells, at start, where in its periods a stored reminder is. The next tick of a
/// reminder waits until the last one has ended; missed ones are not made up.
/// </summary>
internal sealed partial class ReminderService(
    IReminderStore store, IOptions<ReminderOptions> options, TimeProvider clock, ILogger<ReminderService> log)
{
    private static readonly TimeSpan LongestWait = TimeSpan.FromDays(1);

    private readonly Lock _gate = new();
    private readonly Dictionary<GrainId, Dictionary<string, Reminder>> _reminders = [];
    private readonly PriorityQueue<Reminder, long> _due = new();
    private readonly HashSet<Task> _ticks = [];
    private SiloRuntime _runtime = null!;
    private ITimer? _timer;
    private bool _isStopped;

    /// <summary>All reminders, for statistics.</summary>
    public IReadOnlyList<ReminderEntry> All
    {
        get
        {
            lock (_gate) return [.. _reminders.Values.SelectMany(ofGrain => ofGrain.Values).Select(reminder => reminder.Entry)];
        }
    }

    /// <summary>Reads what is stored. Nothing ticks yet.</summary>
    public void Load(SiloRuntime runtime)
    {
        _runtime = runtime;
        foreach (var entry in store.ReadAll()) Add(entry);
    }

    /// <summary>Starts to tick.</summary>
    public void Start()
    {
        lock (_gate)
        {
            using (ExecutionContext.SuppressFlow())
                _timer = clock.CreateTimer(static self => ((ReminderService)self!).SendDueTicks(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            SetTimer();
        }
    }

    /// <summary>Sends no tick any more and waits for those under way.</summary>
    public async Task StopAsync()
    {
        Task[] ticks;
        lock (_gate)
        {
            _isStopped = true;
            _timer?.Dispose();
            ticks = [.. _ticks];
        }

        await Task.WhenAll(ticks);
    }

    public async Task<IGrainReminder> RegisterOrUpdateAsync(GrainId grainId, string name, TimeSpan dueTime, TimeSpan period)
    {
        ArgumentException.ThrowIfNullOrEmpty(name, "reminderName");
        ArgumentOutOfRangeException.ThrowIfLessThan(dueTime, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfLessThan(period, TimeSpan.Zero);
        if (period < options.Value.MinimumReminderPeriod)
        {
            throw new ArgumentException(
                $"Cannot register reminder {name} as requested period ({period}) is less than minimum allowed reminder period ({options.Value.MinimumReminderPeriod})");
        }

        if (!typeof(IRemindable).IsAssignableFrom(_runtime.Registry.ClassOf(grainId).Type))
            throw new InvalidOperationException($"{grainId} cannot be reminded: its class does not implement {nameof(IRemindable)}.");
        var entry = new ReminderEntry(grainId, name, clock.GetUtcNow() + dueTime, period);
        await store.UpsertAsync(entry);
        return Add(entry);
    }

    public async Task UnregisterAsync(GrainId grainId, string name)
    {
        await store.RemoveAsync(grainId, name);
        lock (_gate)
        {
            if (!_reminders.TryGetValue(grainId, out var ofGrain) || !ofGrain.Remove(name, out var reminder)) return;
            reminder.IsRemoved = true;
            if (ofGrain.Count == 0) _reminders.Remove(grainId);
        }
    }

    public IGrainReminder? Find(GrainId grainId, string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(name, "reminderName");
        lock (_gate) return _reminders.GetValueOrDefault(grainId)?.GetValueOrDefault(name);
    }

    public List<IGrainReminder> FindAll(GrainId grainId)
    {
        lock (_gate) return [.. _reminders.GetValueOrDefault(grainId)?.Values ?? Enumerable.Empty<IGrainReminder>()];
    }

    private Reminder Add(ReminderEntry entry)
    {
        lock (_gate)
        {
            var wait = entry.StartAt - clock.GetUtcNow();
            if (wait < TimeSpan.Zero) wait = entry.Period - TimeSpan.FromTicks(-wait.Ticks % entry.Period.Ticks);
            var reminder = new Reminder(entry) { DueAt = clock.GetTimestamp() + ToTimestamp(wait) };
            if (!_reminders.TryGetValue(entry.GrainId, out var ofGrain)) _reminders[entry.GrainId] = ofGrain = new(1);
            if (ofGrain.TryGetValue(entry.Name, out var old)) old.IsRemoved = true;
            ofGrain[entry.Name] = reminder;
            _due.Enqueue(reminder, reminder.DueAt);
            SetTimer();
            return reminder;
        }
    }

    private void SendDueTicks()
    {
        lock (_gate)
        {
            if (_isStopped) return;
            var now = clock.GetTimestamp();
            while (_due.TryPeek(out var reminder, out var dueAt) && (dueAt <= now || reminder.IsRemoved))
            {
                _due.Dequeue();
                if (reminder.IsRemoved) continue;
                var tick = SendTickAsync(reminder);
                if (!tick.IsCompleted) _ticks.Add(tick);
            }

            SetTimer();
        }
    }

    private async Task SendTickAsync(Reminder reminder)
    {
        // Leaves the lock, which its caller holds, before anything happens.
        await Task.Yield();
        var entry = reminder.Entry;
        try
        {
            var call = new ReminderTickCall(entry.Name, new(entry.StartAt.UtcDateTime, entry.Period, clock.GetUtcNow().UtcDateTime));
            var answer = call.Answer;
            _runtime.Send(entry.GrainId, call);
            await answer;
        }
        catch (Exception exception)
        {
            // A tick has no caller who could take its exception; the next one comes all the same.
            LogTickFailed(log, exception, entry.Name, entry.GrainId);
        }

        lock (_gate)
        {
            _ticks.RemoveWhere(tick => tick.IsCompleted);
            if (reminder.IsRemoved || _isStopped) return;
            var late = clock.GetTimestamp() - reminder.DueAt;
            var period = ToTimestamp(entry.Period);
            reminder.DueAt += ((late / period) + 1) * period;
            _due.Enqueue(reminder, reminder.DueAt);
            SetTimer();
        }
    }

    private void SetTimer()
    {
        if (_timer is null || _isStopped || !_due.TryPeek(out _, out var dueAt)) return;
        long now;
        do
        {
            now = clock.GetTimestamp();
            var wait = dueAt <= now ? TimeSpan.Zero : clock.GetElapsedTime(now, dueAt);

            // Rounded up to the timer's milliseconds: waking too early would only mean waking again.
            wait = TimeSpan.FromMilliseconds(Math.Ceiling(Math.Min(wait.TotalMilliseconds, LongestWait.TotalMilliseconds)));
            _timer.Change(wait, Timeout.InfiniteTimeSpan);

            // A process that was frozen between reading the clock and setting the timer has set it too late by as much.
        }
        while (clock.GetElapsedTime(now) >= TimeSpan.FromMilliseconds(1));
    }

    private long ToTimestamp(TimeSpan time) => (long)Math.Min(time.TotalSeconds * clock.TimestampFrequency, long.MaxValue / 4);

    [LoggerMessage(50, LogLevel.Error, "Reminder {Name} of {Grain} failed; its next tick comes all the same.")]
    private static partial void LogTickFailed(ILogger logger, Exception exception, string name, GrainId grain);

    private sealed class Reminder(ReminderEntry entry) : IGrainReminder
    {
        public ReminderEntry Entry => entry;

        public string ReminderName => entry.Name;

        /// <summary>When the next tick is due, by the steady clock.</summary>
        public long DueAt { get; set; }

        public bool IsRemoved { get; set; }
    }
}

/// <summary>The call that a tick is.</summary>
internal sealed class ReminderTickCall(string name, TickStatus status) : GrainCall<Nothing>(TickMethod)
{
    private static readonly GrainMethod TickMethod =
        new(typeof(IRemindable), nameof(IRemindable.ReceiveReminder), [typeof(string), typeof(TickStatus)], GrainMethodOptions.None);

    public override int GetArgumentCount() => 2;

    public override object? GetArgument(int index) => index == 0 ? name : status;

    protected override ValueTask<Nothing> InvokeAsync(object grain) => Nothing.From(((IRemindable)grain).ReceiveReminder(name, status));
}
