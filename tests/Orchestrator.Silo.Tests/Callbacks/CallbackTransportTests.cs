using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Orchestrator.Interfaces.Callbacks;

namespace Orchestrator.Silo.Tests.Callbacks;

/// <summary>Callbacks over real HTTP.</summary>
public sealed class CallbackTransportTests : IAsyncLifetime
{
    private TransportTestBed _bed = null!;

    public async Task InitializeAsync() => _bed = await TransportTestBed.StartAsync();

    public async Task DisposeAsync() => await _bed.DisposeAsync();

    [Fact]
    public async Task A_callback_is_posted_with_both_signatures_over_its_very_bytes()
    {
        var owed = _bed.Owed(secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", traceId: "trace-1");
        var result = await _bed.TryAsync(owed);

        Assert.Equal(new CallbackTry(_bed.Clock.GetUtcNow(), 200, null), result);
        var request = Assert.Single(_bed.Receiver.Requests);
        Assert.Equal(("POST", "/internal/task-complete"), (request.Method, request.Path));
        Assert.Equal(Encoding.UTF8.GetBytes(owed.Body), request.Body);
        var timestamp = _bed.Clock.GetUtcNow().ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        var expected = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase)
        {
            ["Host"] = $"127.0.0.1:{_bed.Receiver.Port}",
            ["Content-Type"] = "application/json",
            ["Content-Length"] = request.Body.Length.ToString(CultureInfo.InvariantCulture),
            ["User-Agent"] = "Orchestrator",
            ["X-Trace-Id"] = "trace-1",
            ["X-Internal-Auth"] = "internal-token",
            ["X-Request-Timestamp"] = timestamp,
            ["X-Request-Signature"] = Convert.ToHexStringLower(Hmac(Encoding.UTF8.GetBytes(owed.Secret), $"{timestamp}.{owed.Body}")),
            ["webhook-id"] = owed.Id,
            ["webhook-timestamp"] = timestamp,
            ["webhook-signature"] = "v1," + Convert.ToBase64String(Hmac(Convert.FromBase64String(owed.Secret[6..]), $"{owed.Id}.{timestamp}.{owed.Body}")),
        };
        Assert.Equal(expected.OrderBy(header => header.Key), request.Headers.OrderBy(header => header.Key));
    }

    [Fact]
    public async Task Every_try_has_a_new_time_and_signature_and_the_same_id()
    {
        await _bed.TryAsync(_bed.Owed());
        _bed.Clock.Advance(TimeSpan.FromSeconds(5));
        await _bed.TryAsync(_bed.Owed());

        var (first, second) = (_bed.Receiver.Requests.First(), _bed.Receiver.Requests.Last());
        Assert.Equal(first.Headers["webhook-id"], second.Headers["webhook-id"]);
        Assert.Equal(5, long.Parse(second.Headers["X-Request-Timestamp"], CultureInfo.InvariantCulture) - long.Parse(first.Headers["X-Request-Timestamp"], CultureInfo.InvariantCulture));
        Assert.NotEqual(first.Headers["X-Request-Signature"], second.Headers["X-Request-Signature"]);
        Assert.NotEqual(first.Headers["webhook-signature"], second.Headers["webhook-signature"]);
    }

    [Theory]
    [InlineData("https://example.com/", "trace-1", "X-Trace-Id")]
    [InlineData("https://example.com/", "two\r\nlines: x", null)]
    [InlineData("https://example.com/", "ümlaut", null)]
    [InlineData("https://example.com/", "", null)]
    public void Elsewhere_the_internal_token_stays_here_and_a_trace_id_must_fit_a_header(string url, string traceId, string? expected)
    {
        using var request = _bed.Sender.CreateRequest(_bed.Owed(url: url, traceId: traceId), _bed.Clock.GetUtcNow());
        var extra = request.Headers.Select(header => header.Key).Where(name => name is "X-Trace-Id" or "X-Internal-Auth");
        Assert.Equal(expected is null ? [] : [expected], extra);
    }

    [Theory]
    [InlineData(301)]
    [InlineData(302)]
    [InlineData(307)]
    [InlineData(308)]
    public async Task Redirects_are_not_followed(int status)
    {
        _bed.Receiver.OnRequest = context =>
        {
            context.Response.StatusCode = status;
            context.Response.Headers.Location = "/elsewhere";
            return Task.CompletedTask;
        };
        Assert.Equal(status, (await _bed.TryAsync(_bed.Owed())).Status);
        Assert.Single(_bed.Receiver.Requests);
    }

    [Fact]
    public async Task An_endless_answer_is_cut_off()
    {
        var aborted = new TaskCompletionSource();
        _bed.Receiver.OnRequest = async context =>
        {
            context.RequestAborted.Register(aborted.SetResult);
            var block = new byte[16 * 1024];
            while (!context.RequestAborted.IsCancellationRequested) await context.Response.Body.WriteAsync(block, context.RequestAborted);
        };
        Assert.Equal(200, (await _bed.TryAsync(_bed.Owed())).Status);
        await TransportTestBed.WithinAsync(aborted.Task, "the connection of an endless answer was not closed");
    }

    [Theory]
    [InlineData("7", 7)]
    [InlineData("Thu, 01 Jan 2026 00:01:30 GMT", 90)]
    [InlineData("999999", 3600)]
    [InlineData("Thu, 01 Jan 2037 00:00:00 GMT", 3600)]
    [InlineData("0", null)]
    [InlineData("Wed, 31 Dec 2025 00:00:00 GMT", null)]
    [InlineData("soon", null)]
    [InlineData("-5", null)]
    public async Task Retry_After_is_read_in_both_forms(string header, int? expected)
    {
        _bed.Receiver.OnRequest = context =>
        {
            context.Response.StatusCode = 503;
            context.Response.Headers.RetryAfter = header;
            return Task.CompletedTask;
        };
        var result = await _bed.TryAsync(_bed.Owed());
        Assert.Equal((503, expected, false), (result.Status, result.RetryAfterSeconds, result.IsFinal));
    }

    [Fact]
    public async Task No_answer_within_two_minutes_ends_the_try()
    {
        var arrived = new TaskCompletionSource();
        _bed.Receiver.OnRequest = context =>
        {
            arrived.SetResult();
            return Task.Delay(Timeout.InfiniteTimeSpan, _bed.Clock, context.RequestAborted);
        };
        _bed.Begin(_bed.Owed());
        await TransportTestBed.WithinAsync(arrived.Task, "no request came");
        _bed.Clock.Advance(TimeSpan.FromSeconds(119));
        Assert.Equal(0, _bed.Heard.Reader.Count);
        _bed.Clock.Advance(TimeSpan.FromSeconds(1));

        var result = (await _bed.HearAsync()).Try!;
        Assert.Equal((null, false, "No answer within 120 s."), (result.Status, result.IsFinal, result.Error));
    }

    [Fact]
    public async Task A_name_that_resolves_to_this_machine_is_refused_for_good()
    {
        var result = await _bed.TryAsync(_bed.Owed(url: $"http://localhost:{_bed.Receiver.Port}/internal/task-complete"));
        Assert.Equal((null, true), (result.Status, result.IsFinal));
        Assert.Contains("private address", result.Error, StringComparison.Ordinal);
        Assert.Empty(_bed.Receiver.Requests);
    }

    [Theory]
    [InlineData("http://127.0.0.1:1/")]
    [InlineData("http://0x7f.1:1/")]
    [InlineData("http://user@example.com/")]
    [InlineData("gopher://example.com/")]
    [InlineData("nonsense")]
    public async Task A_URL_that_is_refused_is_refused_for_good(string url)
    {
        var result = await _bed.TryAsync(_bed.Owed(url: url));
        Assert.Equal((null, true), (result.Status, result.IsFinal));
    }

    [Fact]
    public async Task A_name_that_is_allowed_is_called_wherever_it_is()
    {
        await using var bed = await TransportTestBed.StartAsync(receiver => new() { AllowedOrigins = [$"http://LOCALHOST:{receiver.Port}/"] });
        Assert.Equal(200, (await bed.TryAsync(bed.Owed(url: $"http://localhost:{bed.Receiver.Port}/x"))).Status);
        Assert.Equal("/x", Assert.Single(bed.Receiver.Requests).Path);
    }

    [Fact]
    public async Task A_receiver_that_is_not_there_is_a_reason_to_try_again()
    {
        using var port = new TcpListener(IPAddress.Loopback, 0);
        port.Start();
        var origin = $"http://{port.LocalEndpoint}";
        port.Stop();
        await using var bed = await TransportTestBed.StartAsync(_ => new() { AllowedOrigins = [origin] });
        var result = await bed.TryAsync(bed.Owed(url: $"{origin}/x"));
        Assert.Equal((null, false), (result.Status, result.IsFinal));
        Assert.StartsWith("No answer:", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_same_callback_is_never_under_way_twice()
    {
        var (arrived, answer) = (new TaskCompletionSource(), new TaskCompletionSource());
        _bed.Receiver.OnRequest = _ =>
        {
            arrived.TrySetResult();
            return answer.Task;
        };
        _bed.Begin(_bed.Owed());
        await TransportTestBed.WithinAsync(arrived.Task, "no request came");
        _bed.Begin(_bed.Owed());
        answer.SetResult();
        await _bed.HearAsync();

        Assert.Equal(200, (await _bed.TryAsync(_bed.Owed())).Status);
        Assert.Equal(2, _bed.Receiver.Requests.Count);
    }

    [Fact]
    public async Task Eight_requests_at_most_run_at_one_origin_and_all_are_made()
    {
        const int Callbacks = 50;
        var (running, most) = (0, 0);
        var (full, answer) = (new TaskCompletionSource(), new TaskCompletionSource());
        _bed.Receiver.OnRequest = async _ =>
        {
            var now = Interlocked.Increment(ref running);
            lock (full) most = Math.Max(most, now);
            if (now == 8) full.TrySetResult();
            await answer.Task;
            Interlocked.Decrement(ref running);
        };
        for (var i = 0; i < Callbacks; i++) _bed.Begin(_bed.Owed($"t{i}"), $"t{i}");
        await TransportTestBed.WithinAsync(full.Task, "eight requests were not under way");
        answer.SetResult();
        for (var i = 0; i < Callbacks; i++) Assert.Equal(200, (await _bed.HearAsync()).Try!.Status);
        Assert.Equal(8, most);
    }

    [Fact]
    public async Task The_first_success_at_an_origin_wakes_who_waits_there()
    {
        _bed.Receiver.OnRequest = context =>
        {
            context.Response.StatusCode = 503;
            return Task.CompletedTask;
        };
        await _bed.TryAsync(_bed.Owed("a"), "a");
        await _bed.TryAsync(_bed.Owed("b"), "b");
        _bed.Receiver.OnRequest = _ => Task.CompletedTask;
        Assert.Equal(200, (await _bed.TryAsync(_bed.Owed("b"), "b")).Status);
        Assert.Equal(("a", null), await _bed.HearAsync());
    }

    [Fact]
    public async Task A_stop_of_the_service_ends_tries_without_a_word()
    {
        var (arrived, aborted) = (new TaskCompletionSource(), new TaskCompletionSource());
        _bed.Receiver.OnRequest = async context =>
        {
            context.RequestAborted.Register(aborted.SetResult);
            arrived.SetResult();
            await aborted.Task;
        };
        _bed.Begin(_bed.Owed());
        await TransportTestBed.WithinAsync(arrived.Task, "no request came");
        _bed.Lifetime.StopApplication();
        await TransportTestBed.WithinAsync(aborted.Task, "the request was not ended");
        Assert.Equal(0, _bed.Heard.Reader.Count);
    }

    private static byte[] Hmac(byte[] key, string text) => HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(text));
}
