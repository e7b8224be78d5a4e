using System.Globalization;
using System.Net;
using Orchestrator.Testing.Service;
using Xunit.Abstractions;

namespace Orchestrator.Silo.Tests.Service;

/// <summary>
/// Everything at once, by a seed: the service is killed or told to end, session hosts and terminals are killed, tasks are cancelled, the receiver is down. <c>CHAOS_SEED</c> and
/// <c>CHAOS_STEPS</c> in the environment choose another run.
/// </summary>
public sealed class ChaosTests(ITestOutputHelper output)
{
    private const string Agent =
        """
        echo "start $TASK_ID $TASK_ATTEMPT" >>"$PLACE/agents.log"
        exec 9>>"$PLACE/lock-$TASK_ID"
        flock -n 9 || echo "two at once: $TASK_ID $TASK_ATTEMPT" >>"$PLACE/agents.log"
        cat >prompt.md
        sleep "$(cat prompt.md)"
        git add prompt.md
        git -c user.name=A -c user.email=a@localhost commit -q --allow-empty -m "Attempt $TASK_ATTEMPT"
        echo done
        """;

    private readonly int _seed = Setting("CHAOS_SEED", 7);
    private readonly int _steps = Setting("CHAOS_STEPS", 14);
    private readonly List<string> _accepted = [];
    private readonly Dictionary<string, HttpStatusCode> _cancels = new(StringComparer.Ordinal);
    private readonly List<string> _done = [];
    private int _submitted;

    [Fact]
    public async Task Whatever_happens_every_accepted_task_ends_once_and_nothing_is_left()
    {
        var random = new Random(_seed);
        await using var bed = await ServiceBed.StartAsync(BuiltService.Program, Agent, new Dictionary<string, string> { ["WORKER_CAPACITY"] = "3" });
        try
        {
            for (var step = 0; step < _steps; step++)
            {
                await SubmitAsync(bed, random);
                await Task.Delay(TimeSpan.FromMilliseconds(random.Next(900)), TimeProvider.System);
                await DisturbAsync(bed, random);
            }

            foreach (var id in _accepted) await CheckAsync(bed, id);
            var runs = await File.ReadAllLinesAsync(bed.Place.At("agents.log"));
            Assert.DoesNotContain(runs, run => run.StartsWith("two at once", StringComparison.Ordinal));
            Assert.Equal(runs.Length, runs.Distinct(StringComparer.Ordinal).Count());
            await Eventually.IsTrueAsync(async () => (await bed.Service.GetHealthAsync()).GetProperty("available").GetInt32() == 3, "all slots are free", TimeSpan.FromMinutes(3));
            Assert.Empty(bed.Place.SessionHosts());
            Assert.Empty(bed.Place.SessionProcesses());
            Assert.Empty(bed.Receiver.Violations);
        }
        finally
        {
            output.WriteLine($"Seed {_seed}: {string.Join(", ", _done)}");
        }
    }

    private async Task SubmitAsync(ServiceBed bed, Random random)
    {
        for (var left = random.Next(3); left > 0; left--)
        {
            var id = $"chaos-{_submitted++}";
            await bed.SubmitAsync(id, string.Create(CultureInfo.InvariantCulture, $"{random.NextDouble() * 1.5:0.00}"));
            _accepted.Add(id);
        }
    }

    private async Task DisturbAsync(ServiceBed bed, Random random)
    {
        var what = random.Next(7);
        switch (what)
        {
            case 0 or 1:
                _done.Add("service killed");
                await bed.Service.RestartAsync();
                break;
            case 2:
                _done.Add("service told to end");
                Assert.Equal(0, await bed.Service.StopAsync());
                await bed.Service.StartAgainAsync();
                break;
            case 3:
                _done.Add($"{bed.Place.SessionHosts().Count} hosts, one killed");
                if (bed.Place.SessionHosts() is { Count: > 0 } hosts) MachineProcess.Kill(hosts[random.Next(hosts.Count)]);
                break;
            case 4:
                _done.Add("terminals killed");
                foreach (var socket in bed.Place.TerminalSockets()) Tool.TryRun("tmux", "-S", socket, "kill-server");
                break;
            case 5 when _accepted.Count > 0:
                var id = _accepted[^(1 + random.Next(Math.Min(4, _accepted.Count)))];
                var answer = (await bed.Service.DeleteTaskAsync(id)).Status;
                _done.Add($"{id} cancelled: {(int)answer}");
                _cancels.TryAdd(id, answer);
                break;
            default:
                _done.Add("receiver down");
                bed.Receiver.AnswerNext(503);
                break;
        }
    }

    private async Task CheckAsync(ServiceBed bed, string id)
    {
        var task = await bed.Service.WaitForEndAsync(id, TimeSpan.FromMinutes(3));
        var status = task.GetProperty("status").GetString();
        var expected = _cancels.TryGetValue(id, out var answer) && answer == HttpStatusCode.OK ? "cancelled" : "completed";
        var outcomes = task.GetProperty("attempts").EnumerateArray().Select(attempt => attempt.GetProperty("outcome").GetString()).ToList();
        var isLostTooOften = status == "interrupted" && outcomes.Count == 3 && outcomes.TrueForAll(outcome => outcome == "lost");
        Assert.True(status == expected || isLostTooOften, $"{id} should be {expected}: {task}\n{bed.Service.Program.Tail}");
        if (status == "completed") Assert.True(task.GetProperty("result").GetProperty("commits").GetInt32() >= 1, task.ToString());
        var callbacks = bed.Receiver.Of(id);
        Assert.Single(callbacks.Select(callback => (callback.Id, callback.Body)).Distinct());
        Assert.Equal(status, callbacks[0].TaskStatus);
    }

    private static int Setting(string name, int otherwise) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : otherwise;
}
