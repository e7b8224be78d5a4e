using System.Globalization;
using System.Net;
using System.Text.Json;

namespace Orchestrator.Benchmarks.Service;

/// <summary>What the door takes: signed tasks that are stored for good, and signatures that do not fit; start and memory of the service. The client is this process, on the same cores.</summary>
internal sealed class SubmitBenchmark(SampleOrigin origin, FirstInstructions agents, CallbackSink sink)
{
    private const int Connections = 64, WarmUp = 2_000, Posts = 4_000, Rejected = 10_000, Ended = 10_000;
    private static readonly TimeSpan Idle = TimeSpan.FromSeconds(1), Look = TimeSpan.FromMilliseconds(50);

    private readonly List<double> _start = [], _memory = [], _rate = [], _p50 = [], _p99 = [], _rejected = [], _startFull = [], _memoryFull = [], _startCpu = [], _storedCpu = [], _rejectedCpu = [];

    public static async Task RunAsync(Report report, int rounds, string folder)
    {
        await using var sink = await CallbackSink.StartAsync();
        var benchmark = new SubmitBenchmark(await SampleOrigin.CreateAsync(folder), new(folder), sink);
        for (var i = 0; i <= rounds; i++) await benchmark.RoundAsync(Path.Combine(folder, $"home{i}"), isWarmUp: i == 0);
        await benchmark.StartFullAsync(Path.Combine(folder, "full"), rounds);
        benchmark.AddTo(report);
    }

    private async Task RoundAsync(string home, bool isWarmUp)
    {
        try
        {
            await using var service = await StartAsync(home);
            var startCpu = service.ProcessorTime;
            await Task.Delay(Idle, TimeProvider.System);
            var memory = service.MemoryMegabytes;
            using var client = new LoadClient(service.Url, Connections);
            await TakeSlotAsync(client);
            await client.SendAsync(Requests(WarmUp), HttpStatusCode.Accepted);
            var (stored, storedCpu) = await MeasureAsync(service, client, Requests(Posts), HttpStatusCode.Accepted);
            await client.SendAsync(Requests(WarmUp, isRight: false), HttpStatusCode.Unauthorized);
            var (rejected, rejectedCpu) = await MeasureAsync(service, client, Requests(Rejected, isRight: false), HttpStatusCode.Unauthorized);
            Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"  round: ready after {service.StartTime.TotalSeconds:0.00} s (CPU {startCpu.TotalSeconds:0.00} s), {memory:0} MiB; {stored.PerSecond:0}/s stored (p50 {stored.MedianMilliseconds:0} ms, p99 {stored.P99Milliseconds:0} ms, CPU {storedCpu:0} µs each), {rejected.PerSecond:0}/s rejected (CPU {rejectedCpu:0} µs each); {Load.Average}"));
            if (isWarmUp) return;
            _start.Add(service.StartTime.TotalSeconds);
            _memory.Add(memory);
            _rate.Add(stored.PerSecond);
            _p50.Add(stored.MedianMilliseconds);
            _p99.Add(stored.P99Milliseconds);
            _rejected.Add(rejected.PerSecond);
            _startCpu.Add(startCpu.TotalSeconds);
            _storedCpu.Add(storedCpu);
            _rejectedCpu.Add(rejectedCpu);
        }
        finally
        {
            await SessionsOf.EndAsync(home);
        }
    }

    /// <returns>How it went, and the service's processor time for each request in microseconds.</returns>
    private static async Task<(LoadResult Result, double Microseconds)> MeasureAsync(ServiceProcess service, LoadClient client, List<HttpRequestMessage> requests, HttpStatusCode expected)
    {
        var before = service.ProcessorTime;
        var result = await client.SendAsync(requests, expected);
        return (result, (service.ProcessorTime - before).TotalMicroseconds / requests.Count);
    }

    /// <summary>A home with many ended tasks, each made as they all are: sent, cancelled, its callback delivered.</summary>
    private async Task StartFullAsync(string home, int rounds)
    {
        try
        {
            await using (var service = await StartAsync(home))
            {
                using var client = new LoadClient(service.Url, Connections);
                await TakeSlotAsync(client);
                var ids = new List<string>();
                await client.SendAsync(Requests(Ended, ids: ids), HttpStatusCode.Accepted);
                await client.SendAsync([.. ids.Select(id => new HttpRequestMessage(HttpMethod.Delete, new Uri($"/tasks/{id}", UriKind.Relative)))], HttpStatusCode.OK);
                while ((await HealthAsync(client)).GetProperty("pendingTerminalCallbacks").GetInt32() > 0) await Task.Delay(Look, TimeProvider.System);
                await CancelRunningAsync(client);
            }

            for (var i = 0; i <= rounds; i++)
            {
                await using var service = await StartAsync(home);
                await Task.Delay(Idle, TimeProvider.System);
                if (i == 0) continue;
                _startFull.Add(service.StartTime.TotalSeconds);
                _memoryFull.Add(service.MemoryMegabytes);
            }
        }
        finally
        {
            await SessionsOf.EndAsync(home);
        }
    }

    private Task<ServiceProcess> StartAsync(string home) => ServiceProcess.StartAsync(
        home, ("WORKER_CAPACITY", "1"), ("QUEUE_LIMIT", "100000"), ("GIT_URL_TEMPLATE", origin.UrlTemplate), ("SCRIPT_AGENT", agents.Program), ("CALLBACK_ALLOW", sink.Origin));

    /// <summary>One agent has the only slot, so that all that come later wait.</summary>
    private async Task TakeSlotAsync(LoadClient client)
    {
        var ids = new List<string>();
        await client.SendAsync(Requests(1, ids: ids), HttpStatusCode.Accepted);
        await agents.WaitAsync(ids[0]);
    }

    private static async Task CancelRunningAsync(LoadClient client)
    {
        using var page = JsonDocument.Parse(await client.Http.GetStringAsync(new Uri("/tasks?status=running", UriKind.Relative)));
        foreach (var task in page.RootElement.GetProperty("tasks").EnumerateArray())
            using (await client.Http.DeleteAsync(new Uri($"/tasks/{task.GetProperty("taskId").GetString()}", UriKind.Relative))) { }
        while (await HealthAsync(client) is var health
            && (health.GetProperty("running").GetInt32() > 0 || health.GetProperty("pendingTerminalCallbacks").GetInt32() > 0)) await Task.Delay(Look, TimeProvider.System);
    }

    private static async Task<JsonElement> HealthAsync(LoadClient client)
    {
        using var document = JsonDocument.Parse(await client.Http.GetStringAsync(new Uri("/health", UriKind.Relative)));
        return document.RootElement.Clone();
    }

    private List<HttpRequestMessage> Requests(int count, bool isRight = true, List<string>? ids = null)
    {
        var requests = new List<HttpRequestMessage>(count);
        for (var i = 0; i < count; i++)
        {
            var id = SignedRequest.NewTaskId();
            ids?.Add(id);
            requests.Add(SignedRequest.Create(SignedRequest.Body(id, SampleOrigin.Name, sink.Url), isRight));
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
