using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Orchestrator.Grains.Capacity;
using Orchestrator.Interfaces.AgentTasks;
using Orchestrator.Interfaces.Callbacks;
using Orchestrator.Interfaces.Capacity;
using Orchestrator.Interfaces.Machines;
using Orleans;
using Orleans.Runtime;

namespace Orchestrator.Grains.AgentTasks;

/// <summary>
/// Owns the life of one task: guard, pure rule, save, then what the new state asks for. Not reentrant, so that the terminal state of a run is decided once. What it asks of
/// others may be repeated, and is repeated on every reminder until the answer has come.
/// </summary>
internal sealed partial class AgentTaskGrain(
    [PersistentState("agent-task", GrainStorageNames.Orchestrator)] IPersistentState<AgentTaskState> state,
    [PersistentState("agent-task-request", GrainStorageNames.Orchestrator)] IPersistentState<AgentTaskRequest> request,
    IAgentTaskCatalog catalog, ITaskDependencies dependencies, IAgentAccounts accounts, IOptions<AgentTaskOptions> options, TimeProvider clock, ILogger<AgentTaskGrain> logger)
    : Grain, IAgentTaskGrain, IRemindable
{
    private const string ReminderName = "agent-task";
    private static readonly TimeSpan ReminderPeriod = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan RetryDelay = TimeSpan.FromSeconds(5);

    /// <summary>
    /// How long nobody looks at what is open, at most. The reminder looks each minute, but not when the wall clock was set back before the service started: then not before its first time. And a timer
    /// knows nothing of a clock that is set.
    /// </summary>
    private static readonly TimeSpan LookAgainAfter = TimeSpan.FromMinutes(10);

    private readonly ClockSteps _clockSteps = new(clock);
    private IGrainTimer? _timer;
    private CatalogEntry? _cataloged;

    private string TaskId => this.GetPrimaryKeyString();

    private ICapacityGrain Capacity => GrainFactory.GetGrain<ICapacityGrain>(Pools.Default);

    private IMachineGrain Machine => GrainFactory.GetGrain<IMachineGrain>(MachineNames.Local);

    private ICallbackGrain Callbacks => GrainFactory.GetGrain<ICallbackGrain>(TaskId);

    public async Task<CancelResult> CancelAsync()
    {
        if (!state.RecordExists) return CancelResult.NotFound;
        var now = clock.GetUtcNow();
        var (next, answer) = AgentTaskTransitions.Cancel(Current(now), now);
        await ApplyAsync(next);
        return answer;
    }

    public async Task<AgentTaskSnapshot?> GetAsync()
    {
        if (!state.RecordExists) return null;
        var place = state.State.Phase == AgentTaskPhase.Waiting ? await Capacity.FindPlaceAsync(TaskId) : null;
        var callbacks = state.State.Callbacks.IsEmpty ? [] : await Callbacks.GetAsync();
        return AgentTaskSnapshots.Of(state.State, request.State.Json, place, callbacks, clock.GetUtcNow());
    }

    public async Task<bool> WakeAsync()
    {
        if (state.RecordExists)
        {
            await TickAsync();
            return true;
        }

        // Inside a turn, so that a request that is stored at this moment comes before or after it.
        await ForgetAsync();
        return false;
    }

    /// <summary>
    /// A notice may be older than the task: a row that was dropped, because its task was never stored, had a slot, too. The pool knows who has one. A slot that came too late is given back.
    /// </summary>
    public async Task SlotGranted(Lease lease)
    {
        if (!state.RecordExists) await ForgetAsync();
        else if (state.State.Phase == AgentTaskPhase.Ended) await Capacity.ReleaseAsync(TaskId, state.State.Run);
        else if (!ReferenceEquals(AgentTaskTransitions.SlotGranted(state.State, lease, "", clock.GetUtcNow()), state.State) && await ConfirmSlotAsync() is { } held)
            await ReceiveAsync((task, now) => AgentTaskTransitions.SlotGranted(task, held, NewAgentSessionId(), now));
    }

    public async Task WorktreePrepared(WorktreeReport report)
    {
        await ReceiveAsync((task, now) => AgentTaskTransitions.WorktreePrepared(task, report, now));
        if (report.BlockedBy is { } other && other != TaskId) await GrainFactory.GetGrain<IAgentTaskGrain>(other).BranchWanted();
    }

    public Task SessionStarted(SessionStartedReport report) => ReceiveAsync((task, now) => AgentTaskTransitions.SessionStarted(task, report, now));

    public Task SessionEnded(SessionEndedReport report) =>
        ReceiveAsync((task, now) => AgentTaskTransitions.SessionEnded(task, report, options.Value, NewAgentSessionId(), now));

    public Task SessionStalled(SessionName session, DateTimeOffset since) => ReceiveAsync((task, now) => AgentTaskTransitions.SessionStalled(task, session, since, now));

    public Task SessionUsed(SessionName session, AgentUsage usage) => ReceiveAsync((task, now) => AgentTaskTransitions.SessionUsed(task, session, usage, now));

    public Task WorkCollected(WorkReport report) => ReceiveAsync((task, now) => AgentTaskTransitions.WorkCollected(task, report, NewAgentSessionId(), now));

    public Task WorktreeSettled(SessionName session, string? problem) => ReceiveAsync((task, now) => AgentTaskTransitions.WorktreeSettled(task, problem, now));

    public Task CallbackSettled(string callbackId, CallbackState settled) =>
        ReceiveAsync((task, now) => AgentTaskTransitions.CallbackSettled(task, callbackId, settled, now));

    public async Task ReceiveReminder(string reminderName, TickStatus status)
    {
        // The row first: who was dropped between state and row has only this tick left to repair it.
        if (state.RecordExists) await TickAsync();
        else await ForgetAsync();
        if ((!state.RecordExists || IsDone()) && await this.GetReminder(reminderName) is { } reminder) await this.UnregisterReminder(reminder);
    }

    private bool IsDone() => _cataloged == AgentTaskSnapshots.EntryOf(state.State) && state.State.Phase == AgentTaskPhase.Ended && AgentTaskEffects.Of(state.State, options.Value, clock.GetUtcNow()) == AgentTaskEffect.None;

    private static string NewAgentSessionId() => Guid.NewGuid().ToString();

    /// <summary>A report that nobody waits for. One whose saving fails is asked for again by the reminder.</summary>
    private async Task ReceiveAsync(Func<AgentTaskState, DateTimeOffset, AgentTaskState> rule)
    {
        if (!state.RecordExists) return;
        var now = clock.GetUtcNow();
        var next = rule(Current(now), now);
        if (!ReferenceEquals(next, state.State)) await ApplyAsync(next);
    }

    /// <summary>The task, its times moved along with a clock that was set since the last look. Whatever happens next is counted from the new time, so that this comes first.</summary>
    private AgentTaskState Current(DateTimeOffset now) => AgentTaskTransitions.ClockSet(state.State, _clockSteps.Take(), now);

    private Task TickAsync()
    {
        var now = clock.GetUtcNow();
        return ApplyAsync(AgentTaskTransitions.TimePassed(Current(now), options.Value, now));
    }

    private async Task ApplyAsync(AgentTaskState next)
    {
        if (!ReferenceEquals(next, state.State)) await SaveAsync(next);
        await ActAsync();
    }

    private async Task SaveAsync(AgentTaskState next)
    {
        var before = state.State.Phase;
        state.State = next;
        await GuardAsync(state.WriteStateAsync);
        if (before != next.Phase) LogPhase(logger, TaskId, next.Phase, next.Status, next.Facts.TraceId);
    }

    /// <summary>What a failed write has stored is unknown: the next activation reads it.</summary>
    private async Task GuardAsync(Func<Task> write)
    {
        try
        {
            await write();
        }
        catch
        {
            DeactivateOnIdle();
            throw;
        }
    }

    private async Task CatalogAsync()
    {
        var entry = AgentTaskSnapshots.EntryOf(state.State);
        if (entry == _cataloged) return;
        await catalog.UpdateAsync(entry, CancellationToken.None);
        _cataloged = entry;
    }

    /// <summary>Asks for what the state asks for. When somebody cannot be asked, the state is saved all the same, and the timer asks again.</summary>
    private async Task ActAsync()
    {
        var now = clock.GetUtcNow();
        var effect = AgentTaskEffects.Of(state.State, options.Value, now);
        SetTimer(AgentTaskEffects.NextTimeOf(state.State, options.Value, now) - now ?? (effect == AgentTaskEffect.None ? null : LookAgainAfter));
        try
        {
            await CatalogAsync();
            await DoAsync(effect);
        }
        catch (Exception exception)
        {
            // Whatever failed, the intent is stored and every effect may be repeated.
            LogEffectFailed(logger, exception, TaskId, state.State.Phase, RetryDelay.TotalSeconds);
            SetTimer(RetryDelay);
        }
    }

    private Task DoAsync(AgentTaskEffect effect)
    {
        var (task, facts) = (state.State, state.State.Facts);
        var session = task.Session(TaskId);
        return effect switch
        {
            AgentTaskEffect.WaitForSlot => WaitForSlotAsync(task),
            AgentTaskEffect.Prepare => Machine.PrepareAsync(new(session, facts.Repository, facts.BaseBranch, facts.ContinuationBranch, task.CreatedAt)),
            AgentTaskEffect.Start => Machine.StartAsync(SessionRequestOf(task)),
            AgentTaskEffect.Watch => Machine.WatchAsync(session, facts.WorkerType, task.Worktree!),
            AgentTaskEffect.Stop => Machine.StopAsync(session, facts.WorkerType, task.Worktree, ReasonOf(task)),
            AgentTaskEffect.Collect => Machine.CollectAsync(session, task.Worktree!),
            AgentTaskEffect.Hold => HoldAsync(task),
            AgentTaskEffect.ReleaseSlot => Capacity.StandAsideAsync(TaskId, task.Run),
            AgentTaskEffect.LookAtDependencies => LookAtDependenciesAsync(task),
            AgentTaskEffect.WindUp => WindUpAsync(),
            AgentTaskEffect.Settle => SettleAsync(),
            _ => Task.CompletedTask,
        };
    }

    /// <summary>A slot that the task has already, whose notice was lost, is taken up by the same way.</summary>
    private async Task WaitForSlotAsync(AgentTaskState task)
    {
        if (await AskForSlotAsync(task) is { } lease) await this.AsReference<IAgentTaskGrain>().SlotGranted(lease);
    }

    /// <summary>A slot whose pool cannot be asked is asked for again soon: it would stand idle until the reminder.</summary>
    private async Task<Lease?> ConfirmSlotAsync()
    {
        try
        {
            return await AskForSlotAsync(state.State);
        }
        catch
        {
            SetTimer(RetryDelay);
            throw;
        }
    }

    private async Task<Lease?> AskForSlotAsync(AgentTaskState task)
    {
        var entry = new WaitingEntry(TaskId, task.Run, task.NextAttemptNumber, task.Priority, task.CreatedAt) { WorkerType = task.Facts.WorkerType, Repository = task.Facts.Repository };
        return (await Capacity.WaitAsync(entry, CancellationToken.None)).Lease;
    }

    private SessionRequest SessionRequestOf(AgentTaskState task)
    {
        var (attempt, left) = (task.Attempt, AgentTaskTransitions.BudgetLeftOf(task));
        return new(
            task.Session(TaskId), request.State.Json, task.Worktree!, attempt.AgentSessionId!, attempt.IsResume, attempt.FollowUp,
            left.CostUsd, left.Turns);
    }

    private static string ReasonOf(AgentTaskState task) => task switch
    {
        { Status: AgentTaskStatus.Cancelled } => "cancelled",
        { StalledSince: not null } => "no sign of life",
        { PlannedEnd.Error.Code: TaskErrors.BudgetExhausted } => "budget",
        _ => "time limit",
    };

    /// <summary>The account first, so that the slot does not go to another task that would meet the same limit.</summary>
    private async Task HoldAsync(AgentTaskState task)
    {
        await Capacity.HoldAccountAsync(accounts.AccountOf(task.Facts.WorkerType), task.HeldUntil!.Value, task.HeldSince);
        await Capacity.StandAsideAsync(TaskId, task.Run);
    }

    /// <summary>The slot is free before anything is delivered: the receiver may send the next task from inside our call.</summary>
    private async Task WindUpAsync()
    {
        await TellDependentsAsync();
        await Capacity.ReleaseAsync(TaskId, state.State.Run);
        await SaveAsync(AgentTaskTransitions.WoundUp(state.State));
        await SettleAsync();
    }

    private async Task SettleAsync()
    {
        foreach (var debt in state.State.Callbacks.Where(debt => debt.State == CallbackState.Owed)) await Callbacks.DeliverAsync(debt.Callback);
        var session = state.State.Session(TaskId);
        await (AgentTaskEffects.CareOf(state.State, options.Value) switch
        {
            WorktreeCare.LetGo => Machine.KeepWorktreeAsync(session, state.State.Worktree!),
            WorktreeCare.Find => Machine.FindWorktreeAsync(session, state.State.Facts.Repository),
            WorktreeCare.Remove => Machine.RemoveWorktreeAsync(session, state.State.Worktree!),
            _ => Task.CompletedTask,
        });
    }

    private void SetTimer(TimeSpan? due)
    {
        if (due is not { } wait)
        {
            _timer?.Dispose();
            _timer = null;
            return;
        }

        wait = wait < TimeSpan.Zero ? TimeSpan.Zero : wait > LookAgainAfter ? LookAgainAfter : wait;
        if (_timer is null) _timer = this.RegisterGrainTimer(TickAsync, new() { DueTime = wait, Period = Timeout.InfiniteTimeSpan });
        else _timer.Change(wait, Timeout.InfiniteTimeSpan);
    }

    [LoggerMessage(101, LogLevel.Information, "Task {TaskId} is {Phase} ({Status}, trace {TraceId}).")]
    private static partial void LogPhase(ILogger logger, string taskId, AgentTaskPhase phase, AgentTaskStatus status, string? traceId);

    [LoggerMessage(102, LogLevel.Warning, "Task {TaskId}: what its phase {Phase} asks for failed; asked again in {Seconds} s.")]
    private static partial void LogEffectFailed(ILogger logger, Exception exception, string taskId, AgentTaskPhase phase, double seconds);
}
