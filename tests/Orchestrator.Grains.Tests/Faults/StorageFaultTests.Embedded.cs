using Orchestrator.Grains.Tests.AgentTasks;
using Orchestrator.Interfaces.AgentTasks;
using Orchestrator.Interfaces.Callbacks;
using Orchestrator.Testing.Faults;
using Orleans.Runtime;
using Xunit.Abstractions;

namespace Orchestrator.Grains.Tests.Faults;

/// <summary>
/// All grains while their storage fails by chance: it times out, is busy, or writes and says that it did not. By <c>STORAGE_FAULTS=rate:seed</c>; without it, one access of ten fails, by seeds that
/// a failed run prints.
/// </summary>
[Trait("Suite", "Faults")]
public sealed class StorageFaultTests(ITestOutputHelper output)
{
    private const int Tasks = 12, RoundsMax = 600;

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task Whatever_storage_does_every_task_that_was_accepted_ends_once_and_tells_it(int offset)
    {
        var (rate, seed) = StorageFaults.Parse(Environment.GetEnvironmentVariable(StorageFaults.VariableName) is { Length: > 0 } text ? text : "0.1");
        var faults = new StorageFaults(rate, seed + offset);
        try
        {
            await using var silo = await TaskSilo.StartAsync(silo => (silo.Faults, silo.Capacity.SlotsMax) = (faults, 3));
            var chance = new Random(seed + offset);
            var ids = Enumerable.Range(0, Tasks).Select(i => $"t{i}").ToList();
            foreach (var id in ids) await AcceptAsync(silo, id);
            await DriveAsync(silo, ids, chance);
            await CheckAsync(silo, ids);
        }
        finally
        {
            output.WriteLine(faults.ToString());
        }
    }

    /// <summary>As a dispatcher does: the same request until it is taken.</summary>
    private static async Task AcceptAsync(TaskSilo silo, string id)
    {
        for (var tries = 1; ; tries++)
        {
            try
            {
                if ((await silo.SubmitAsync(id)).Outcome == SubmitOutcome.Accepted) return;
            }
            catch (OrleansException) when (tries < 100)
            {
                // Nobody knows whether it was taken.
            }

            Assert.True(tries < 100, $"{id} was refused {tries} times");
        }
    }

    /// <summary>Agents end, are killed or cancelled, the silo is started again, time passes, until all have ended.</summary>
    private static async Task DriveAsync(TaskSilo silo, List<string> ids, Random chance)
    {
        for (var round = 0; !await AreDoneAsync(silo, ids); round++)
        {
            Assert.True(round < RoundsMax, $"Not all have ended after {round} rounds: {await DescribeAsync(silo, ids)}");
            foreach (var session in silo.Machine.Live)
            {
                if (chance.Next(2) == 0) continue;
                if (session.Attempt == 1 && chance.Next(3) == 0) silo.Machine.End(session, signal: 9);
                else silo.Machine.End(session);
            }

            if (round % 40 == 5) await TryCancelAsync(silo, ids[chance.Next(ids.Count)]);
            if (round % 60 == 30) await RestartAsync(silo);
            silo.Clock.Advance(TimeSpan.FromSeconds(chance.Next(1, 20)));

            // Turns run on other threads; how far they come between two moves of the clock is part of the chance.
            await Task.Delay(TimeSpan.FromMilliseconds(chance.Next(4)), TimeProvider.System);
        }
    }

    private static async Task<bool> AreDoneAsync(TaskSilo silo, List<string> ids)
    {
        // The rows first, which are kept in memory; the grains, which have to be read, only when all of these say so.
        if (silo.Catalog.ReadOpen().Count > 0) return false;
        foreach (var id in ids)
        {
            if (await TryGetAsync(silo, id) is not { Phase: AgentTaskPhase.Ended } task || task.Callbacks.Any(callback => callback.State == CallbackState.Owed)) return false;
        }

        return (await silo.CapacityAsync()).Leased == 0;
    }

    private static async Task CheckAsync(TaskSilo silo, List<string> ids)
    {
        silo.Faults!.IsOn = false;
        foreach (var id in ids)
        {
            var task = (await silo.TaskGrain(id).GetAsync())!;
            Assert.True(task.Status is AgentTaskStatus.Completed or AgentTaskStatus.Cancelled, $"{id} is {task.Status}: {task.Error?.Message}");
            Assert.Equal(CallbackState.Delivered, Assert.Single(task.Callbacks).State);
            Assert.Single(silo.Tries.Where(attempt => attempt.TaskId == id).Select(attempt => (attempt.Callback.Id, attempt.Callback.Body)).Distinct());
        }

        Assert.Equal(0, silo.Machine.LiveCount);
        Assert.Empty(silo.Machine.Violations);
        var starts = silo.Machine.Log.Where(line => line.StartsWith("start ", StringComparison.Ordinal)).ToList();
        Assert.Equal(starts.Count, starts.Distinct(StringComparer.Ordinal).Count());
        Assert.Equal((0, 0), ((await silo.CapacityAsync()).Leased, (await silo.CapacityAsync()).Waiting));
    }

    private static async Task RestartAsync(TaskSilo silo)
    {
        silo.Faults!.IsOn = false;
        await silo.RestartAsync();
        silo.Faults.IsOn = true;
    }

    private static async Task TryCancelAsync(TaskSilo silo, string id)
    {
        try
        {
            await silo.TaskGrain(id).CancelAsync();
        }
        catch (OrleansException)
        {
            // Nobody knows whether it was cancelled.
        }
    }

    private static async Task<AgentTaskSnapshot?> TryGetAsync(TaskSilo silo, string id)
    {
        try
        {
            return await silo.TaskGrain(id).GetAsync();
        }
        catch (OrleansException)
        {
            return null;
        }
    }

    private static async Task<string> DescribeAsync(TaskSilo silo, List<string> ids)
    {
        silo.Faults!.IsOn = false;
        var tasks = await Task.WhenAll(ids.Select(async id => (Id: id, Task: (await silo.TaskGrain(id).GetAsync())!)));
        return string.Join("; ", tasks.Where(one => one.Task.Phase != AgentTaskPhase.Ended || one.Task.Callbacks.Any(callback => callback.State == CallbackState.Owed))
            .Select(one => $"{one.Id} {one.Task.Phase} {one.Task.Status} {string.Join(',', one.Task.Callbacks.Select(callback => callback.State))}")) + $"; leased {(await silo.CapacityAsync()).Leased}; open rows "
            + string.Join(", ", silo.Catalog.ReadOpen().Select(entry => $"{entry.TaskId} {entry.Phase}"));
    }
}
