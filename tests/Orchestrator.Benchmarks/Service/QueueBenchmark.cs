using System.Diagnostics;
using System.Globalization;
using System.Net;
using Orchestrator.Testing.Service;

namespace Orchestrator.Benchmarks.Service;

/// <summary>A service before which 10,000 tasks wait: what the door takes then, how soon it is ready again, what it holds of the memory. The client is this process, on the same cores.</summary>
internal sealed class QueueBenchmark(DispatchReceiver receiver)
{
    private const int Waiting = 10_000, FillConnections = 64, Connections = 8, Posts = 1_000, Deletions = 200, Reads = 200;
    private static readonly TimeSpan Settling = TimeSpan.FromSeconds(75), AfterReady = TimeSpan.FromSeconds(2);

    private readonly List<double> _post50 = [], _post99 = [], _busy99 = [], _delete50 = [], _delete99 = [], _get99 = [], _ready = [], _readyCpu = [], _first99 = [], _memory = [], _memoryAfter = [];

    public static async Task RunAsync(Report report, int rounds)
    {
        await using var receiver = await DispatchReceiver.StartAsync();
        var benchmark = new QueueBenchmark(receiver);
        for (var i = 0; i < rounds; i++) await benchmark.RoundAsync();
        benchmark.AddTo(report);
    }

    private async Task RoundAsync()
    {
        using var place = new ServicePlace();
        ServiceMeasures.CreateRepository(place);
        await using var service = await RunningService.StartAsync(Built.Service, place, new Dictionary<string, string>
        {
            ["WORKER_CAPACITY"] = "1",
            ["QUEUE_LIMIT"] = "20000",
            ["SCRIPT_AGENT"] = new FirstInstructions(place).Program,
            ["CALLBACK_ALLOW"] = receiver.Origin,
        });
        var ids = new List<string>();
        using (var filler = new LoadClient(service.Url, FillConnections))
        {
            await filler.SendAsync(Requests(service, 1, ids), HttpStatusCode.Accepted);
            await new FirstInstructions(place).WaitAsync(ids[0]);
            await filler.SendAsync(Requests(service, Waiting, ids), HttpStatusCode.Accepted);
        }

        await MeasureDepthAsync(service, ids);
        await MeasureRestartAsync(service, ids);
    }

    private async Task MeasureDepthAsync(RunningService service, List<string> ids)
    {
        using var client = new LoadClient(service.Url, Connections);
        var stored = await client.SendAsync(Requests(service, Posts, ids), HttpStatusCode.Accepted);

        // Each of them is reminded once a minute: a whole minute of that is in it.
        var minute = new List<double>();
        for (var watch = Stopwatch.StartNew(); watch.Elapsed < Settling; await Task.Delay(TimeSpan.FromSeconds(1), TimeProvider.System))
            minute.Add((await client.SendAsync(Requests(service, Connections, ids), HttpStatusCode.Accepted)).P99Milliseconds);
        minute.Sort();
        var memory = ServiceMeasures.MemoryOf(service.Program.Pid);
        var read = await client.SendAsync([.. ids.TakeLast(Reads).Select(id => new HttpRequestMessage(HttpMethod.Get, new Uri($"/tasks/{id}", UriKind.Relative)))], HttpStatusCode.OK);
        var deleted = await client.SendAsync([.. ids.TakeLast(Deletions).Select(id => new HttpRequestMessage(HttpMethod.Delete, new Uri($"/tasks/{id}", UriKind.Relative)))], HttpStatusCode.OK);
        ids.RemoveRange(ids.Count - Deletions, Deletions);
        _post50.Add(stored.MedianMilliseconds);
        _post99.Add(stored.P99Milliseconds);
        _busy99.Add(minute[(int)(minute.Count * 0.99)]);
        _get99.Add(read.P99Milliseconds);
        _delete50.Add(deleted.MedianMilliseconds);
        _delete99.Add(deleted.P99Milliseconds);
        _memory.Add(memory);
    }

    private async Task MeasureRestartAsync(RunningService service, List<string> ids)
    {
        await service.KillAsync();
        await service.StartAgainAsync();
        _readyCpu.Add(ServiceMeasures.ProcessorTimeOf(service.Program.Pid).TotalSeconds);
        using var client = new LoadClient(service.Url, Connections);
        var first = await client.SendAsync(Requests(service, Posts, ids), HttpStatusCode.Accepted);
        await Task.Delay(AfterReady, TimeProvider.System);
        var queued = (await service.GetHealthAsync()).GetProperty("queued").GetInt32();
        if (queued != ids.Count - 1) throw new InvalidOperationException($"{queued} tasks wait after the restart instead of {ids.Count - 1}.");
        await Task.Delay(Settling, TimeProvider.System);
        _ready.Add(service.ReadyAfter.TotalSeconds);
        _first99.Add(first.P99Milliseconds);
        _memoryAfter.Add(ServiceMeasures.MemoryOf(service.Program.Pid));
        Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"  round: POST p99 {_post99[^1]:0} ms (in a minute of reminders {_busy99[^1]:0} ms), GET p99 {_get99[^1]:0} ms, DELETE p99 {_delete99[^1]:0} ms, {_memory[^1]:0} MiB; killed, ready after {_ready[^1]:0.00} s (CPU {_readyCpu[^1]:0.00} s), POST p99 {_first99[^1]:0} ms, {_memoryAfter[^1]:0} MiB; {Load.Average}"));
    }

    private List<HttpRequestMessage> Requests(RunningService service, int count, List<string> ids)
    {
        var requests = new List<HttpRequestMessage>(count);
        for (var i = 0; i < count; i++)
        {
            ids.Add(SignedRequest.NewTaskId());
            requests.Add(SignedRequest.Create(SignedRequest.Body(ids[^1], receiver), service.Secret));
        }

        return requests;
    }

    private void AddTo(Report report)
    {
        report.Add($"{Waiting} tasks wait: POST answered, {Connections} connections, p50", $"{new Measurement(_post50).Text("0")} ms", "–");
        report.Add("… p99", $"{new Measurement(_post99).Text("0")} ms", "≤ 200 ms");
        report.Add("… slowest of 8 each second, over 75 s in which each task is reminded, p99", $"{new Measurement(_busy99).Text("0")} ms", "≤ 200 ms");
        report.Add("… GET of a task, p99", $"{new Measurement(_get99).Text("0")} ms", "–");
        report.Add("… DELETE answered, p50", $"{new Measurement(_delete50).Text("0")} ms", "–");
        report.Add("… DELETE answered, p99", $"{new Measurement(_delete99).Text("0")} ms", "≤ 200 ms");
        report.Add("… RSS", $"{new Measurement(_memory).Text("0")} MiB", "≤ 400 MB");
        report.Add("killed: start of process to ready", $"{new Measurement(_ready).Text("0.00")} s", "≤ 5 s");
        report.Add("… processor time until then", $"{new Measurement(_readyCpu).Text("0.00")} s", "–");
        report.Add("… the first 1000 POSTs then, p99", $"{new Measurement(_first99).Text("0")} ms", "–");
        report.Add("… RSS after 77 s more", $"{new Measurement(_memoryAfter).Text("0")} MiB", "≤ 400 MB");
    }
}
