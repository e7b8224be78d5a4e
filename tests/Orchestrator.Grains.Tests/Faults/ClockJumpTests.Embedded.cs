using Orchestrator.Grains.Tests.AgentTasks;
using Orchestrator.Interfaces.AgentTasks;
using Orchestrator.Interfaces.Machines;

namespace Orchestrator.Grains.Tests.Faults;

/// <summary>The wall clock jumps by two hours, either way, at each step of a task's life: nothing fails, and nothing waits for those hours.</summary>
public sealed class ClockJumpTests
{
    /// <summary>In time that really passes: a few retries and reminders.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(15);

    public static TheoryData<double, string> Jumps
    {
        get
        {
            var jumps = new TheoryData<double, string>();
            foreach (var moment in (string[])["waiting", "preparing", "running", "between attempts", "callback owed"])
            {
                jumps.Add(2, moment);
                jumps.Add(-2, moment);
            }

            return jumps;
        }
    }

    [Theory]
    [MemberData(nameof(Jumps))]
    public async Task A_clock_that_jumps_delays_and_ends_nothing(double hours, string moment)
    {
        var gate = new TaskCompletionSource();
        await using var silo = await TaskSilo.StartAsync(silo =>
        {
            if (moment == "preparing") silo.Machine.PrepareGate = gate.Task;
            if (moment == "callback owed") silo.ReceiverStatus = 503;
        });
        if (moment == "waiting") await SubmitAsync(silo, "t0");
        await SubmitAsync(silo, "t1");
        await ReachAsync(silo, moment);

        silo.Clock.SetWallClockForward(TimeSpan.FromHours(hours));
        gate.TrySetResult();
        silo.ReceiverStatus = 200;
        for (var passed = TimeSpan.Zero; !await IsDoneAsync(silo, "t1"); passed += TimeSpan.FromSeconds(5))
        {
            Assert.True(passed < Patience, $"Not ended {passed} after a jump of {hours} h while {moment}: {await DescribeAsync(silo)}");
            foreach (var session in silo.Machine.Live) silo.Machine.End(session);
            silo.Clock.Advance(TimeSpan.FromSeconds(5));
            await Task.Delay(TimeSpan.FromMilliseconds(3), TimeProvider.System);
        }

        Assert.Equal(AgentTaskStatus.Completed, (await silo.TaskGrain("t1").GetAsync())!.Status);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(-2)]
    [InlineData(72)]
    public async Task A_clock_that_jumps_makes_no_time_limit_shorter_or_longer(double hours)
    {
        await using var silo = await TaskSilo.StartAsync();
        Assert.Equal(SubmitOutcome.Accepted, (await silo.TaskGrain("t1").SubmitAsync(TaskSilo.Submission("t1", timeoutHours: 1), CancellationToken.None)).Outcome);
        await ReachAsync(silo, "running");
        silo.Clock.SetWallClockForward(TimeSpan.FromHours(hours));
        var deadline = silo.Clock.GetUtcNow().AddHours(1);
        var ran = TimeSpan.Zero;
        for (var step = TimeSpan.FromSeconds(30); (await silo.TaskGrain("t1").GetAsync())!.Phase == AgentTaskPhase.Running; ran += step)
        {
            Assert.True(ran < TimeSpan.FromMinutes(63), $"It still runs {ran} after a jump of {hours} h.");
            silo.Clock.Advance(step);
            await Task.Delay(TimeSpan.FromMilliseconds(2), TimeProvider.System);
        }

        Assert.True(ran > TimeSpan.FromMinutes(59), $"It was ended after {ran}.");
        var task = (await silo.TaskGrain("t1").GetAsync())!;
        Assert.Equal(deadline, task.DeadlineAt!.Value, TimeSpan.FromSeconds(1));
        Assert.Single(task.Timeline, entry => entry.Event == "clock_set");
    }

    [Fact]
    public async Task A_clock_that_was_set_back_before_a_restart_keeps_nobody_from_looking_again()
    {
        await using var silo = await TaskSilo.StartAsync();
        var lost = 0;
        silo.Loses = call => call.MethodName == nameof(IAgentTaskGrain.WorkCollected) && Interlocked.Increment(ref lost) <= 2;
        await SubmitAsync(silo, "t1");
        await ReachAsync(silo, "running");
        silo.Machine.End(new SessionName("t1", 1, 1));
        await LostAsync(1);
        silo.Clock.SetWallClockForward(TimeSpan.FromHours(-2));
        await silo.RestartAsync();
        await LostAsync(2);
        for (var passed = TimeSpan.Zero; !await IsDoneAsync(silo, "t1"); passed += TimeSpan.FromSeconds(20))
        {
            Assert.True(passed < Patience, $"Nobody looks again: {await DescribeAsync(silo)}");
            silo.Clock.Advance(TimeSpan.FromSeconds(20));
            await Task.Delay(TimeSpan.FromMilliseconds(3), TimeProvider.System);
        }

        async Task LostAsync(int count)
        {
            for (var i = 0; Volatile.Read(ref lost) < count; i++)
            {
                Assert.True(i < 4000, $"Notice {count} was never sent: {await DescribeAsync(silo)}");
                await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System);
            }
        }
    }

    private static async Task ReachAsync(TaskSilo silo, string moment)
    {
        var phase = moment switch
        {
            "waiting" => AgentTaskPhase.Waiting,
            "preparing" => AgentTaskPhase.Preparing,
            _ => AgentTaskPhase.Running,
        };
        await silo.Catalog.ReachedAsync("t1", phase);
        if (moment == "waiting") return;
        if (moment != "preparing") await silo.Machine.DidAsync("watch t1/1.1");
        if (moment == "between attempts") silo.Machine.End(new SessionName("t1", 1, 1), signal: 9);
        if (moment == "callback owed") silo.Machine.End(new SessionName("t1", 1, 1));
        for (var i = 0; moment is "between attempts" or "callback owed"; i++)
        {
            Assert.True(i < 2000, $"never {moment}");
            if (moment == "callback owed" ? silo.Tries.Count > 0 : (await silo.TaskGrain("t1").GetAsync())!.Attempts.Count == 2) break;
            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System);
        }
    }

    private static async Task SubmitAsync(TaskSilo silo, string id) =>
        Assert.Equal(SubmitOutcome.Accepted, (await silo.TaskGrain(id).SubmitAsync(TaskSilo.Submission(id, timeoutHours: 5), CancellationToken.None)).Outcome);

    private static async Task<bool> IsDoneAsync(TaskSilo silo, string id) =>
        await silo.TaskGrain(id).GetAsync() is { Phase: AgentTaskPhase.Ended } task && task.Callbacks.All(callback => callback.State == Orchestrator.Interfaces.Callbacks.CallbackState.Delivered);

    private static async Task<string> DescribeAsync(TaskSilo silo)
    {
        var task = (await silo.TaskGrain("t1").GetAsync())!;
        return $"{task.Phase} {task.Status}, callbacks {string.Join(',', task.Callbacks.Select(callback => callback.State))}, log {string.Join(", ", silo.Machine.Log)}";
    }
}
