using Orleans;

namespace Orchestrator.Interfaces.Capacity;

/// <summary>The slots of one pool and the line of those who wait for one; the key is the pool's name. Every command may be repeated.</summary>
public interface ICapacityGrain : IGrainWithStringKey
{
    /// <summary>Asks whether a task that is not stored yet may come: a place in the line, or no. A place that is never confirmed by <see cref="WaitAsync"/> is dropped after a minute or two.</summary>
    Task<AdmissionResult> AdmitAsync(string taskId, CancellationToken cancellationToken);

    /// <summary>Waits in the line for a slot, which is granted by <c>IAgentTaskGrain.SlotGranted</c>; a slot that the task has already is in the answer.</summary>
    Task<PlaceInLine> WaitAsync(WaitingEntry entry, CancellationToken cancellationToken);

    /// <summary>Gives back slot and place in the line while the task cannot use a slot; it still counts as one that waits.</summary>
    Task StandAsideAsync(string taskId, int run);

    /// <summary>Gives back the slot, the place in the line and the admission of a task's run.</summary>
    Task ReleaseAsync(string taskId, int run);

    /// <summary>
    /// Starts no agent of an account until its usage limit has passed; the later of two times wins. Stored, so that a restart keeps it. Those who wait for another account go ahead.
    /// </summary>
    /// <param name="account">As the agents table names it, such as <c>claude</c>.</param>
    /// <param name="until">UTC.</param>
    /// <param name="since">Since when, UTC, for a time that is a guess: a clock that was set back to before it ends the hold. Null: the account's own word, which counts whatever the clock says.</param>
    Task HoldAccountAsync(string account, DateTimeOffset until, DateTimeOffset? since = null);

    /// <summary>Lets an account's agents be started again before its time. Its held tasks first, by <c>IAgentTaskGrain.EndHoldAsync</c>: one that is still held holds the account again.</summary>
    /// <returns>What was held; null when the account was not.</returns>
    Task<HeldAccount?> EndHoldAsync(string account);

    /// <summary>Whether slots are given and tasks are taken. Stored, so that a restart keeps it.</summary>
    Task<CapacitySnapshot> SetModeAsync(PoolMode mode);

    /// <summary>Where a waiting task stands, and what it waits for.</summary>
    Task<WaitingPlace> FindPlaceAsync(string taskId);

    /// <summary>Counts.</summary>
    Task<CapacitySnapshot> GetAsync();
}

/// <summary>The names of pools.</summary>
public static class Pools
{
    /// <summary>The only one so far.</summary>
    public const string Default = "default";
}

/// <summary>What a pool does. The numbers are stored and never reused.</summary>
public enum PoolMode
{
    /// <summary>Takes tasks and gives slots.</summary>
    Open = 0,

    /// <summary>Takes tasks into the line, and gives no slot; who has one goes on.</summary>
    Paused = 1,

    /// <summary>Takes no task and gives no slot; who has one goes on, who waits stays in the line.</summary>
    Draining = 2,
}

/// <summary>The right of one task's run to a slot.</summary>
/// <param name="TaskId">The task.</param>
/// <param name="Run">The run, from 1.</param>
/// <param name="Attempt">The attempt that was next when the slot was granted, from 1.</param>
/// <param name="GrantedAt">UTC.</param>
[GenerateSerializer, Immutable]
public sealed record Lease(string TaskId, int Run, int Attempt, DateTimeOffset GrantedAt)
{
    /// <summary>The repository that it works on; empty in leases of older releases, until the next recount.</summary>
    // A reader of JSON gives null to what is not in it, whatever the initializer says.
    [Id(0)] public string Repository { get; init => field = value ?? ""; } = "";
}

/// <summary>One who waits.</summary>
/// <param name="TaskId">The task.</param>
/// <param name="Run">The run, from 1.</param>
/// <param name="Attempt">The next attempt, from 1.</param>
/// <param name="Priority">-100 to 100; higher goes first.</param>
/// <param name="CreatedAt">Among equals, the older goes first. UTC.</param>
[GenerateSerializer, Immutable]
public sealed record WaitingEntry(string TaskId, int Run, int Attempt, int Priority, DateTimeOffset CreatedAt)
{
    /// <summary>The agents table's row; empty: none that any limit knows.</summary>
    [Id(0)] public string WorkerType { get; init; } = "";

    /// <summary>The repository that it works on; empty: none that any limit knows.</summary>
    [Id(1)] public string Repository { get; init; } = "";
}

/// <summary>Where one who waits stands.</summary>
/// <param name="Position">From 1 for the next one to get a slot; null when it is not in the line.</param>
/// <param name="WaitingFor">For people: <c>slot</c>, <c>paused</c>, <c>repository acme/web: 2 of 2</c> …; null when it is not in the line.</param>
[GenerateSerializer, Immutable]
public sealed record WaitingPlace(int? Position, string? WaitingFor);

/// <summary>An account whose agents are not started for a while.</summary>
/// <param name="Account">As the agents table names it.</param>
/// <param name="Until">UTC.</param>
[GenerateSerializer, Immutable]
public sealed record HeldAccount(string Account, DateTimeOffset Until)
{
    /// <summary>Since when, UTC, when the time is a guess; null: it is the account's own word.</summary>
    [Id(0)] public DateTimeOffset? Since { get; init; }

    /// <summary>Whether it may not be used then. A guess from before the clock was set back would be waited for as long as that.</summary>
    public bool IsHeldAt(DateTimeOffset now) => Until > now && !(now < Since);
}

/// <summary>What one who waits gets.</summary>
/// <param name="Lease">The slot; null while it waits.</param>
/// <param name="Position">The place in the line, from 1; null with a slot.</param>
[GenerateSerializer, Immutable]
public sealed record PlaceInLine(Lease? Lease, int? Position);

/// <summary>Whether a task may come.</summary>
/// <param name="Refusal">Why not; null: it may.</param>
[GenerateSerializer, Immutable]
public sealed record AdmissionResult(AdmissionRefusal? Refusal)
{
    /// <summary>It may come.</summary>
    public static AdmissionResult Admitted { get; } = new((AdmissionRefusal?)null);
}

/// <summary>Why no task is taken at the moment: a 503.</summary>
/// <param name="Error">The text that clients show, such as <c>Service at capacity</c>.</param>
/// <param name="Detail">For people, with numbers.</param>
/// <param name="RetryAfterSeconds">When to ask again.</param>
[GenerateSerializer, Immutable]
public sealed record AdmissionRefusal(string Error, string Detail, int RetryAfterSeconds);

/// <summary>How full a pool is.</summary>
/// <param name="Slots">How many run at most.</param>
/// <param name="Leased">Slots taken.</param>
/// <param name="Waiting">Tasks in the line.</param>
/// <param name="PendingAdmissions">Tasks that may come and are not stored yet.</param>
/// <param name="AdmissionsTotal">Tasks admitted since the activation.</param>
[GenerateSerializer, Immutable]
public sealed record CapacitySnapshot(int Slots, int Leased, int Waiting, int PendingAdmissions, long AdmissionsTotal)
{
    /// <summary>Accounts that are held now.</summary>
    [Id(0)] public IReadOnlyList<HeldAccount> HeldAccounts { get; init; } = [];

    /// <summary>Tasks that wait for something other than a slot, such as another task.</summary>
    [Id(1)] public int Aside { get; init; }

    /// <summary>What it does.</summary>
    [Id(2)] public PoolMode Mode { get; init; }

    /// <summary>Why no slot is given to anybody, for people: <c>paused</c>, <c>memory: 301 MB free, floor 512 MB</c> …; null: they are.</summary>
    [Id(3)] public string? GivesNone { get; init; }
}
