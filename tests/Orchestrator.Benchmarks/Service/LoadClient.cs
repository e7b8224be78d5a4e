using System.Diagnostics;
using System.Net;

namespace Orchestrator.Benchmarks.Service;

/// <summary>So many connections, each of which sends its next request when the answer has come.</summary>
internal sealed class LoadClient(string url, int connections) : IDisposable
{
    private readonly HttpClient _http = new(new SocketsHttpHandler { MaxConnectionsPerServer = connections, UseProxy = false, UseCookies = false, ActivityHeadersPropagator = null })
    {
        BaseAddress = new(url),
    };

    public HttpClient Http => _http;

    /// <summary>Sends them all.</summary>
    /// <exception cref="InvalidOperationException">An answer had another status.</exception>
    public async Task<LoadResult> SendAsync(IReadOnlyList<HttpRequestMessage> requests, HttpStatusCode expected)
    {
        var times = new double[requests.Count];
        var next = -1;
        var watch = Stopwatch.StartNew();
        await Task.WhenAll(Enumerable.Range(0, connections).Select(_ => Task.Run(async () =>
        {
            while (Interlocked.Increment(ref next) is var i && i < requests.Count)
            {
                var startedAt = Stopwatch.GetTimestamp();
                using var answer = await _http.SendAsync(requests[i]);
                times[i] = Stopwatch.GetElapsedTime(startedAt).TotalMilliseconds;
                if (answer.StatusCode != expected)
                    throw new InvalidOperationException($"Status {(int)answer.StatusCode} instead of {(int)expected}: {await answer.Content.ReadAsStringAsync()}");
            }
        })));
        var seconds = watch.Elapsed.TotalSeconds;
        foreach (var request in requests) request.Dispose();
        Array.Sort(times);
        return new(requests.Count / seconds, times[times.Length / 2], times[(int)(times.Length * 0.99)]);
    }

    public void Dispose() => _http.Dispose();
}

/// <summary>How it went.</summary>
/// <param name="PerSecond">Answers a second.</param>
/// <param name="MedianMilliseconds">Of the answer times.</param>
/// <param name="P99Milliseconds">99 % came within this.</param>
internal sealed record LoadResult(double PerSecond, double MedianMilliseconds, double P99Milliseconds);
