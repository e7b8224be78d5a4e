using Orchestrator.Interfaces.AgentTasks;
using Orchestrator.Interfaces.Capacity;

namespace Orchestrator.Grains.Tests.AgentTasks;

/// <content>Who gets a slot when.</content>
public sealed partial class AgentTaskGrainTests
{
    [Fact]
    public async Task A_held_account_starts_nothing_until_its_time_also_after_a_restart()
    {
        await using var silo = await TaskSilo.StartAsync(silo => silo.Capacity.SlotsMax = 2);
        var until = silo.Clock.GetUtcNow().AddMinutes(10);
        await Pool(silo).HoldAccountAsync("claude", until);
        await Pool(silo).HoldAccountAsync("claude", until.AddMinutes(-5));
        Assert.Equal(SubmitOutcome.Accepted, (await silo.SubmitAsync("t1")).Outcome);
        Assert.Equal((0, 1, 0), await CountsAsync(silo));
        await silo.RestartAsync();
        Assert.Equal([new HeldAccount("claude", until)], (await silo.CapacityAsync()).HeldAccounts);
        Assert.Equal((0, 1, 0), await CountsAsync(silo));
        silo.Clock.Advance(TimeSpan.FromMinutes(10));
        await RunningAsync(silo, "t1");
        Assert.Empty((await silo.CapacityAsync()).HeldAccounts);
    }

    private static ICapacityGrain Pool(TaskSilo silo) => silo.Grains.GetGrain<ICapacityGrain>(Pools.Default);
}
