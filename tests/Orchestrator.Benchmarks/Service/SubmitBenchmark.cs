using System.Globalization;
using System.Net;
using Orchestrator.Testing.Service;

namespace Orchestrator.Benchmarks.Service;

/// <summary>What the door takes: signed tasks that are stored for good, and signatures that do not fit; start and memory of the service. The client is this process, on the same cores.</summary>
internal sealed class SubmitBenchmark(DispatchReceiver receiver)
{
    private const int Connections = 64, WarmUp = 2_000, Posts = 4_000, Rejected = 10_000, Ended = 10_000;
    private static readonly TimeSpan Idle = TimeSpan.FromSeconds(1), EndPatience = TimeSpan.FromMinutes(5);

    private readonly List<double> _start = [], _memory = [], _rate = [], _p50 = [], _p99 = [], _rejected = [], _startFull = [], _memoryFull = [], _startCpu = [], _storedCpu = [], _rejectedCpu = [];

    public static async Task RunAsync(Report report, int rounds)
    {
        await using var receiver = await DispatchReceiver.StartAsync();
        var benchmark = new SubmitBenchmark(receiver);
        for (var i = 0; i <= rounds; i++) await benchmark.RoundAsync(isWarmUp: i == 0);
        await benchmark.StartFullAsync(rounds);
        benchmark.AddTo(report);
    }

    private async Task RoundAsync(bool isWarmUp)
    {
        using var place = new ServicePlace();
        await using var service = await StartAsync(place);
        var (pid, ready) = (service.Program.Pid, service.ReadyAfter.TotalSeconds);
        var startCpu = ServiceMeasures.ProcessorTimeOf(pid).TotalSeconds;
        await Task.Delay(Idle, TimeProvider.System);
        var memory = ServiceMeasures.MemoryOf(pid);
        using var client = new LoadClient(service.Url, Connections);
        await TakeSlotAsync(service, client, place);
        await client.SendAsync(Requests(service, WarmUp), HttpStatusCode.Accepted);
        var (stored, storedCpu) = await MeasureAsync(service, client, Requests(service, Posts), HttpStatusCode.Accepted);
        await client.SendAsync(Requests(service, WarmUp, isRight: false), HttpStatusCode.Unauthorized);
        var (rejected, rejectedCpu) = await MeasureAsync(service, client, Requests(service, Rejected, isRight: false), HttpStatusCode.Unauthorized);
        Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"  round: ready after {ready:0.00} s (CPU {startCpu:0.00} s), {memory:0} MiB; {stored.PerSecond:0}/s stored (p50 {stored.MedianMilliseconds:0} ms, p99 {stored.P99Milliseconds:0} ms, CPU {storedCpu:0} µs each), {rejected.PerSecond:0}/s rejected (CPU {rejectedCpu:0} µs each); {Load.Average}"));
        if (isWarmUp) return;
        _start.Add(ready);
        _memory.Add(memory);
        _rate.Add(stored.PerSecond);
        _p50.Add(stored.MedianMilliseconds);
        _p99.Add(stored.P99Milliseconds);
        _rejected.Add(rejected.PerSecond);
        _startCpu.Add(startCpu);
        _storedCpu.Add(storedCpu);
        _rejectedCpu.Add(rejectedCpu);
    }

    /// <summary>A home with many ended tasks, each made as they all are: sent, cancelled, its callback delivered.</summary>
    private async Task StartFullAsync(int rounds)
    {
        using var place = new ServicePlace();
        await using var service = await StartAsync(place);
        using (var client = new LoadClient(service.Url, Connections))
        {
            var first = await TakeSlotAsync(service, client, place);
            var ids = new List<string>();
            await client.SendAsync(Requests(service, Ended, ids: ids), HttpStatusCode.Accepted);
            // The one that runs comes last, so that none of the others is started.
            await client.SendAsync([.. ids.Select(Cancellation)], HttpStatusCode.OK);
            await client.SendAsync([Cancellation(first)], HttpStatusCode.OK);
            await Eventually.IsTrueAsync(async () => await IsIdleAsync(service), "the delivery of all callbacks", EndPatience);
        }

        for (var i = 0; i <= rounds; i++)
        {
            await service.StopAsync();
            await service.StartAgainAsync();
            await Task.Delay(Idle, TimeProvider.System);
            if (i == 0) continue;
            _startFull.Add(service.ReadyAfter.TotalSeconds);
            _memoryFull.Add(ServiceMeasures.MemoryOf(service.Program.Pid));
        }
    }

    private Task<RunningService> StartAsync(ServicePlace place)
    {
        ServiceMeasures.CreateRepository(place);
        return RunningService.StartAsync(Built.Service, place, new Dictionary<string, string>
        {
            ["WORKER_CAPACITY"] = "1",
            ["QUEUE_LIMIT"] = "100000",
            ["SCRIPT_AGENT"] = new FirstInstructions(place).Program,
            ["CALLBACK_ALLOW"] = receiver.Origin,
        });
    }

    /// <summary>One agent has the only slot, so that all that come later wait.</summary>
    /// <returns>Its task.</returns>
    private async Task<string> TakeSlotAsync(RunningService service, LoadClient client, ServicePlace place)
    {
        var ids = new List<string>();
        await client.SendAsync(Requests(service, 1, ids: ids), HttpStatusCode.Accepted);
        await new FirstInstructions(place).WaitAsync(ids[0]);
        return ids[0];
    }

    private static HttpRequestMessage Cancellation(string taskId) => new(HttpMethod.Delete, new Uri($"/tasks/{taskId}", UriKind.Relative));

    private static async Task<bool> IsIdleAsync(RunningService service) =>
        await service.GetHealthAsync() is var health && health.GetProperty("running").GetInt32() == 0 && health.GetProperty("pendingTerminalCallbacks").GetInt32() == 0;

    /// <returns>How it went, and the service's processor time for each request in microseconds.</returns>
    private static async Task<(LoadResult Result, double Microseconds)> MeasureAsync(RunningService service, LoadClient client, List<HttpRequestMessage> requests, HttpStatusCode expected)
    {
        var before = ServiceMeasures.ProcessorTimeOf(service.Program.Pid);
        var result = await client.SendAsync(requests, expected);
        return (result, (ServiceMeasures.ProcessorTimeOf(service.Program.Pid) - before).TotalMicroseconds / requests.Count);
    }

    private List<HttpRequestMessage> Requests(RunningService service, int count, bool isRight = true, List<string>? ids = null)
    {
        var requests = new List<HttpRequestMessage>(count);
        for (var i = 0; i < count; i++)
        {
            var id = SignedRequest.NewTaskId();
            ids?.Add(id);
            requests.Add(SignedRequest.Create(SignedRequest.Body(id, receiver), service.Secret, isRight));
        }

        return requests;
    }

    private void AddTo(Report report)
    {
        report.Add($"signed, durably stored POSTs/s, {Connections} connections", $"{new Measurement(_rate).Text("0")}/s", "≥ 1000/s");
        report.Add("… their answer time, p50", $"{new Measurement(_p50).Text("0")} ms", "–");
        report.Add("… their answer time, p99", $"{new Measurement(_p99).Text("0")} ms", "≤ 150 ms");
        report.Add("… processor time of the service for each", $"{new Measurement(_storedCpu).Text("0")} µs", "–");
        report.Add($"POSTs rejected for their signature/s, {Connections} connections", $"{new Measurement(_rejected).Text("0")}/s", "≥ 5000/s");
        report.Add("… processor time of the service for each", $"{new Measurement(_rejectedCpu).Text("0")} µs", "–");
        report.Add("start of process to ready, empty home", $"{new Measurement(_start).Text("0.00")} s", "≤ 1.0 s");
        report.Add("… processor time until then", $"{new Measurement(_startCpu).Text("0.00")} s", "–");
        report.Add($"start of process to ready, {Ended} ended tasks", $"{new Measurement(_startFull).Text("0.00")} s", "≤ 3 s");
        report.Add("RSS idle for 1 s, empty home", $"{new Measurement(_memory).Text("0")} MiB", "≤ 120 MB");
        report.Add($"RSS idle for 1 s, {Ended} ended tasks", $"{new Measurement(_memoryFull).Text("0")} MiB", "–");
    }
}
