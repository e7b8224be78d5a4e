using System.Globalization;
using System.Net;
using Orchestrator.Testing.Service;

namespace Orchestrator.Benchmarks.Service;

/// <summary>From POST sent to the agent's first instruction, beside a bare shell loop in the same round.</summary>
internal sealed class DispatchBenchmark(RunningService service, LoadClient client, FirstInstructions agents, BareLoop bare, DispatchReceiver receiver)
{
    private const int Slots = 24, OneAtATime = 9;

    private readonly List<double> _bareOne = [], _one = [], _oneRatio = [], _accepted = [], _bareEnd = [], _last = [], _lastRatio = [];
    private int _failed, _started;

    public static async Task RunAsync(Report report, int rounds)
    {
        await using var receiver = await DispatchReceiver.StartAsync();
        using var place = new ServicePlace();
        var repository = ServiceMeasures.CreateRepository(place);
        var agents = new FirstInstructions(place);
        await using (var service = await RunningService.StartAsync(Built.Service, place, new Dictionary<string, string>
        {
            ["WORKER_CAPACITY"] = Slots.ToString(CultureInfo.InvariantCulture),
            ["SCRIPT_AGENT"] = agents.Program,
            ["CALLBACK_ALLOW"] = receiver.Origin,
        }))
        {
            using var client = new LoadClient(service.Url, Slots);
            var benchmark = new DispatchBenchmark(service, client, agents, new(place, repository, agents), receiver);
            for (var i = 0; i <= rounds; i++) await benchmark.RoundAsync(isWarmUp: i == 0);
            benchmark.AddTo(report);
        }

        await SessionHostBenchmark.RunAsync(report, rounds, place, agents);
    }

    private async Task RoundAsync(bool isWarmUp)
    {
        var bareOne = Median(await bare.OneAtATimeAsync(OneAtATime));
        Tool.Run("sync");
        var (one, accepted) = await OneByOneAsync();
        var bareEnd = await bare.SerialAsync(Slots);
        // What the loop's end has deleted is written now, not at the service's first commit; the loop itself waits for no disk.
        Tool.Run("sync");
        var last = await AllAtOnceAsync();
        Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"  round: bare {bareOne * 1000:0} ms, service {one * 1000:0} ms ({one / bareOne:0.00} ×; 202 after {accepted * 1000:0.0} ms); bare loop of {Slots} {bareEnd:0.00} s, service's last {last:0.00} s ({last / bareEnd:0.00} ×); {Load.Average}"));
        if (isWarmUp) return;
        _bareOne.Add(bareOne * 1000);
        _one.Add(one * 1000);
        _accepted.Add(accepted * 1000);
        _oneRatio.Add(one / bareOne);
        _bareEnd.Add(bareEnd);
        _last.Add(last);
        _lastRatio.Add(last / bareEnd);
    }

    private async Task<(double Start, double Accepted)> OneByOneAsync()
    {
        var (starts, answers) = (new List<double>(), new List<double>());
        for (var i = 0; i < OneAtATime; i++)
        {
            var id = SignedRequest.NewTaskId();
            using var request = SignedRequest.Create(SignedRequest.Body(id, receiver), service.Secret);
            var sentAt = FirstInstructions.Now;
            using (var answer = await client.Http.SendAsync(request)) Expect(answer, HttpStatusCode.Accepted);
            answers.Add(FirstInstructions.Now - sentAt);
            starts.Add(await agents.WaitAsync(id) - sentAt);
            await EndAsync([id]);
        }

        return (Median(starts), Median(answers));
    }

    private async Task<double> AllAtOnceAsync()
    {
        var ids = Enumerable.Range(0, Slots).Select(_ => SignedRequest.NewTaskId()).ToList();
        var requests = ids.Select(id => SignedRequest.Create(SignedRequest.Body(id, receiver), service.Secret)).ToList();
        var sentAt = FirstInstructions.Now;
        await client.SendAsync(requests, HttpStatusCode.Accepted);
        var last = 0.0;
        foreach (var id in ids) last = Math.Max(last, await agents.WaitAsync(id) - sentAt);
        await EndAsync(ids);
        return last;
    }

    /// <summary>Cancels what runs, and waits until all slots are free, so that the next measurement has the machine for itself.</summary>
    private async Task EndAsync(IReadOnlyList<string> ids)
    {
        foreach (var id in ids)
        {
            _started++;
            if ((await service.GetTaskAsync(id)).GetProperty("status").GetString() != "running") _failed++;
            await service.DeleteTaskAsync(id);
        }

        await Eventually.IsTrueAsync(
            async () => await service.GetHealthAsync() is var health && health.GetProperty("running").GetInt32() == 0 && health.GetProperty("pendingTerminalCallbacks").GetInt32() == 0,
            "free slots");
    }

    private void AddTo(Report report)
    {
        report.Add("bare loop, one at a time: begin to first instruction, p50", $"{new Measurement(_bareOne).Text("0")} ms", "–");
        report.Add("service, one at a time: POST sent to first instruction, p50", $"{new Measurement(_one).Text("0")} ms = {new Measurement(_oneRatio).Text("0.0")} × bare", "≤ 3 × bare");
        report.Add("… of that until the 202 came, p50", $"{new Measurement(_accepted).Text("0.0")} ms", "–");
        report.Add($"bare serial loop of {Slots}: its end", $"{new Measurement(_bareEnd).Text("0.00")} s", "–");
        report.Add($"service, {Slots} at once: last agent's first instruction", $"{new Measurement(_last).Text("0.00")} s = {new Measurement(_lastRatio).Text("0.0")} × bare", "≤ 2 × bare");
        report.Add("tasks whose agent did not run", $"{_failed} of {_started}", "0");
        report.Add("RSS of the service after all that", string.Create(CultureInfo.InvariantCulture, $"{ServiceMeasures.MemoryOf(service.Program.Pid):0} MiB"), "–");
    }

    private static void Expect(HttpResponseMessage answer, HttpStatusCode status)
    {
        if (answer.StatusCode != status) throw new InvalidOperationException($"Status {(int)answer.StatusCode} instead of {(int)status}.");
    }

    private static double Median(IReadOnlyList<double> values) => new Measurement(values).Median;
}
