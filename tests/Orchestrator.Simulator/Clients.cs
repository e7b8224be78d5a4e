using Orchestrator.Interfaces.AgentTasks;
using Orchestrator.Interfaces.Capacity;
using Orchestrator.Interfaces.Machines;
using Orleans.Runtime;

namespace Orchestrator.Simulator;

/// <summary>Those who send, cancel and look, and what they were told.</summary>
internal sealed class Clients(World world)
{
    private readonly Dictionary<string, Known> _tasks = new(StringComparer.Ordinal);

    /// <summary>The longest time for which an account is held.</summary>
    public static TimeSpan HoldMax { get; } = TimeSpan.FromMinutes(30);

    /// <summary>Tasks that were acknowledged.</summary>
    public int AcknowledgedCount => _tasks.Values.Count(task => task.IsAcknowledged);

    /// <summary>Sends a task; now and then with another request under the same id.</summary>
    public void Post(SimulatedTask task, int number) => _ = PostAsync(task, number % 16 == 7 ? "other" : "same");

    public void Delete(string taskId) => _ = DeleteAsync(taskId);

    public void Get(string taskId) => _ = GetAsync(taskId);

    /// <summary>Pauses, drains or opens the pool.</summary>
    public void SetMode(PoolMode mode) => _ = AskAsync(() => world.Silo.GetGrain<ICapacityGrain>(Pools.Default).SetModeAsync(mode));

    /// <summary>Says that an account has reached its usage limit.</summary>
    public void HoldAccount(string account, TimeSpan time) => _ = AskAsync(() => world.Silo.GetGrain<ICapacityGrain>(Pools.Default).HoldAccountAsync(account, world.Clock.GetUtcNow() + time));

    /// <summary>As Orchestrator.Silo/Health/ServiceEndpoints.cs: somebody knows that the limit is over.</summary>
    public void ReleaseAccount(string account) => _ = AskAsync(() => ReleaseAccountAsync(account));

    public void Reprioritize(string taskId, int priority) => _ = AskAsync(() => world.Silo.GetGrain<IAgentTaskGrain>(taskId).ReprioritizeAsync(priority));

    /// <summary>Somebody lets the worktree of one task go, whatever it is at.</summary>
    public void ReleaseWorktree(string taskId) => _ = AskAsync(() => world.Silo.GetGrain<IAgentTaskGrain>(taskId).ReleaseWorktreeAsync(null, "asked for"));

    /// <summary>As Orchestrator.Silo/Machines/Cleanup/WorktreeSweep.cs: lets the worktrees of all go that are over by their rows.</summary>
    public void Sweep()
    {
        foreach (var taskId in world.Machine.Trees.Where(tree => tree.Value.IsThere).Select(tree => tree.Key).ToList())
        {
            var isOver = world.Catalog.Find(taskId) is { Phase: AgentTaskPhase.Ended, OwesCallback: false, CompletedAt: not null } && world.Machine.AliveOf(taskId) is null;
            if (isOver) _ = AskAsync(() => SweepAsync(new(taskId, 1, world.Catalog.Find(taskId)!.Attempt)));
            else if (world.Mutations.Mutant == Mutant.SweepsTheLiving) world.Machine.PutAside(taskId);
        }
    }

    /// <summary>The service died: whoever waits for an answer gets none.</summary>
    public void Crash()
    {
        foreach (var known in _tasks.Values)
        {
            if (known.Waiting > 0) known.IsUnknown = true;
            known.Waiting = 0;
        }
    }

    /// <summary>A state is there for the first time.</summary>
    public void FirstStored(string taskId)
    {
        if (Of(taskId).IsRefused) world.Violate("I1", $"{taskId} was refused, and is stored");
    }

    private async Task SweepAsync(SessionName session)
    {
        var answer = await world.Silo.GetGrain<IAgentTaskGrain>(session.TaskId).ReleaseWorktreeAsync(session, "swept");
        world.Coverage.Answered($"sweep {answer}");

        // The task knows of none, and there is one.
        if (answer == WorktreeRelease.Gone && world.Machine.TreeOf(session.TaskId) is not null) world.Machine.PutAside(session.TaskId);
    }

    private async Task ReleaseAccountAsync(string account)
    {
        // Rows may be a step behind: whoever is asked is held no more, or has ended.
        foreach (var entry in world.Catalog.ReadOpen().Where(entry => world.AccountOf(entry.WorkerType) == account).ToList())
            await world.Silo.GetGrain<IAgentTaskGrain>(entry.TaskId).EndHoldAsync();
        await world.Silo.GetGrain<ICapacityGrain>(Pools.Default).EndHoldAsync(account);
    }

    private static async Task AskAsync(Func<Task> ask)
    {
        try
        {
            await ask();
        }
        catch (Exception exception) when (exception is OrleansException or TimeoutException)
        {
            // A 500: nobody knows.
        }
    }

    private Known Of(string taskId)
    {
        if (!_tasks.TryGetValue(taskId, out var known)) _tasks.Add(taskId, known = new());
        return known;
    }

    private async Task PostAsync(SimulatedTask task, string sha)
    {
        var known = Of(task.TaskId);
        var isAlone = known.Waiting == 0 && !known.IsUnknown;
        (known.IsRefused, known.Waiting, known.Posts) = (false, known.Waiting + 1, known.Posts + 1);
        var post = known.Posts;
        try
        {
            var answer = await world.Silo.GetGrain<IAgentTaskGrain>(task.TaskId).SubmitAsync(new(task.Json, sha, null), CancellationToken.None);
            known.Waiting--;
            Answered(task.TaskId, known, sha, answer, isAlone && post == known.Posts);
        }
        catch (Exception exception) when (exception is OrleansException or TimeoutException)
        {
            // A 500: nobody knows.
            known.Waiting--;
            known.IsUnknown = true;
        }
    }

    private void Answered(string taskId, Known known, string sha, SubmitResult answer, bool isAlone)
    {
        var state = world.StateOf(taskId);
        world.Coverage.Answered($"POST {answer.Outcome}");
        switch (answer.Outcome)
        {
            case SubmitOutcome.Accepted:
                known.IsAcknowledged = true;
                if (state is null) world.Violate("I1", $"{taskId} was acknowledged, and is not stored");
                else if (state.Facts.RequestSha256 != sha) world.Violate("I2", $"{taskId} was acknowledged with another request than the stored one");
                break;
            case SubmitOutcome.Refused when isAlone:
                if (state is not null) world.Violate("I1", $"{taskId} was refused, and is stored");
                known.IsRefused = true;
                break;
        }
    }

    private async Task DeleteAsync(string taskId)
    {
        var wasAcknowledged = Of(taskId).IsAcknowledged;
        try
        {
            var answer = await world.Silo.GetGrain<IAgentTaskGrain>(taskId).CancelAsync();
            world.Coverage.Answered($"DELETE {answer}");
            var state = world.StateOf(taskId);
            if (answer == CancelResult.NotFound && wasAcknowledged) world.Violate("I1", $"{taskId} was acknowledged, and then not found");
            if (answer == CancelResult.Cancelled && state?.Status != AgentTaskStatus.Cancelled) world.Violate("I7", $"{taskId} was cancelled, and is {state?.Status}");
            if (answer == CancelResult.AlreadyCompleted && state?.Phase != AgentTaskPhase.Ended) world.Violate("I7", $"{taskId} had already ended, and is {state?.Phase}");
        }
        catch (Exception exception) when (exception is OrleansException or TimeoutException)
        {
            // A 500: nobody knows.
        }
    }

    private async Task GetAsync(string taskId)
    {
        var wasAcknowledged = Of(taskId).IsAcknowledged;
        try
        {
            var answer = await world.Silo.GetGrain<IAgentTaskGrain>(taskId).GetAsync();
            if (answer is null && wasAcknowledged) world.Violate("I1", $"{taskId} was acknowledged, and then not found");
        }
        catch (Exception exception) when (exception is OrleansException or TimeoutException)
        {
            // A 500: nobody knows.
        }
    }

    private sealed class Known
    {
        /// <summary>Posts without an answer.</summary>
        public int Waiting { get; set; }

        public int Posts { get; set; }

        public bool IsAcknowledged { get; set; }

        /// <summary>Whether the last post was refused for certain, and none came since.</summary>
        public bool IsRefused { get; set; }

        /// <summary>Whether a post ended without an answer.</summary>
        public bool IsUnknown { get; set; }
    }
}
