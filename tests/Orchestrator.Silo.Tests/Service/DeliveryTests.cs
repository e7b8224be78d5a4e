using Orchestrator.Testing.Service;

namespace Orchestrator.Silo.Tests.Service;

/// <summary>Callbacks to a receiver that is not always there.</summary>
public sealed class DeliveryTests
{
    [Fact]
    public async Task A_receiver_that_is_down_at_first_gets_every_callback_once_it_is_up()
    {
        await using var bed = await ServiceBed.StartAsync(BuiltService.Program, ScriptAgent.RunsPrompt);
        bed.Receiver.AnswerNext(503);
        await bed.SubmitAsync("late-1", "commit 'One'");
        await Eventually.IsTrueAsync(() => bed.Receiver.Of("late-1").Count == 1, "the first try");

        // The slot is free though the first task's callback is not delivered.
        var second = await bed.RunAsync("late-2", "commit 'Two'");
        Assert.Equal("completed", second.GetProperty("status").GetString());
        var first = await bed.Service.WaitForEndAsync("late-1");
        var tries = bed.Receiver.Of("late-1");
        Assert.Equal([503, 200], tries.Select(one => one.Status));
        Assert.Single(tries.Select(one => one.Id).Distinct(StringComparer.Ordinal));
        Assert.Single(tries.Select(one => one.Body).Distinct(StringComparer.Ordinal));
        Assert.Equal([503, 200], first.GetProperty("callbacks")[0].GetProperty("tries").EnumerateArray().Select(one => one.GetProperty("status").GetInt32()));
        Assert.Single(bed.Receiver.Of("late-2"));
        Assert.Empty(bed.Receiver.Violations);
    }

    [Fact]
    public async Task What_is_owed_when_the_service_is_killed_is_delivered_after_its_next_start()
    {
        await using var bed = await ServiceBed.StartAsync(BuiltService.Program, ScriptAgent.RunsPrompt);
        bed.Receiver.AnswerNext(503);
        await bed.SubmitAsync("owed-1", "commit 'One'");
        await bed.Service.WaitForTaskAsync(
            "owed-1", task => task.GetProperty("callbacks") is { } callbacks && callbacks.GetArrayLength() == 1 && callbacks[0].GetProperty("tries").GetArrayLength() == 1, "tried once");
        await bed.Service.KillAsync();
        await bed.Service.StartAgainAsync();
        await bed.Service.WaitForEndAsync("owed-1");
        Assert.Equal([503, 200], bed.Receiver.Of("owed-1").Select(one => one.Status));
        Assert.Single(bed.Receiver.Received.Select(one => one.Id).Distinct(StringComparer.Ordinal));
        Assert.Empty(bed.Receiver.Violations);
    }

    [Fact]
    public async Task The_next_task_may_be_sent_from_inside_the_call_that_tells_of_the_last()
    {
        await using var bed = await ServiceBed.StartAsync(BuiltService.Program, ScriptAgent.RunsPrompt, new Dictionary<string, string> { ["QUEUE_LIMIT"] = "0" });
        ServiceAnswer? inside = null;
        bed.Receiver.Receiving = async callback =>
        {
            if (callback.TaskId == "chain-1") inside = await bed.Service.PostTaskAsync(bed.Body("chain-2", "commit 'Two'"));
        };
        await bed.RunAsync("chain-1", "commit 'One'");
        Assert.Equal(202, (int)inside!.Status);
        Assert.Equal("completed", (await bed.Service.WaitForEndAsync("chain-2")).GetProperty("status").GetString());
    }
}
