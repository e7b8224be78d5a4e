using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Orchestrator.Demo;

/// <summary>Talks to the service as a dispatcher on the same machine does.</summary>
internal sealed class ServiceClient : IDisposable
{
    private static readonly TimeSpan StartTimeout = TimeSpan.FromSeconds(60);

    private readonly HttpClient _http = new() { Timeout = Timeout.InfiniteTimeSpan };
    private readonly string _secret;

    private ServiceClient(string url, string secret) => (Url, _secret) = (url, secret);

    public string Url { get; }

    /// <summary>Waits until the service says that it is ready.</summary>
    public static async Task<ServiceClient> ConnectAsync(string serviceFile, string secret)
    {
        var startedAt = TimeProvider.System.GetTimestamp();
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(100));
        while (await timer.WaitForNextTickAsync())
        {
            if (TimeProvider.System.GetElapsedTime(startedAt) > StartTimeout) throw new TimeoutException($"The service was not ready within {StartTimeout.TotalSeconds} s: see its log.");
            try
            {
                using var service = JsonDocument.Parse(await File.ReadAllTextAsync(serviceFile));
                var client = new ServiceClient(service.RootElement.GetProperty("url").GetString()!, secret);
                if ((await client.GetJsonAsync("/health"))?.GetProperty("status").GetString() == "ready") return client;
            }
            catch (Exception exception) when (exception is IOException or JsonException or HttpRequestException or KeyNotFoundException)
            {
                // Not there yet.
            }
        }

        throw new TimeoutException("The wait for the service was given up.");
    }

    /// <summary>POST /tasks, signed as the contract says: hex HMAC-SHA256 of <c>timestamp.nonce.body</c>.</summary>
    public async Task<string> SubmitAsync(string body)
    {
        var timestamp = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();
        var nonce = Guid.NewGuid();
        var signature = HMACSHA256.HashData(Encoding.UTF8.GetBytes(_secret), Encoding.UTF8.GetBytes($"{timestamp}.{nonce}.{body}"));
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri($"{Url}/tasks")) { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        request.Headers.Add("X-Dispatch-Timestamp", $"{timestamp}");
        request.Headers.Add("X-Dispatch-Nonce", $"{nonce}");
        request.Headers.Add("X-Dispatch-Signature", Convert.ToHexStringLower(signature));
        using var response = await _http.SendAsync(request);
        var answer = await response.Content.ReadAsStringAsync();
        if (response.StatusCode != HttpStatusCode.Accepted) throw new InvalidOperationException($"POST /tasks: {(int)response.StatusCode} {answer}");
        return $"{(int)response.StatusCode} {answer}";
    }

    /// <summary>Null for 404.</summary>
    public async Task<JsonElement?> GetJsonAsync(string path)
    {
        using var response = await _http.GetAsync(new Uri(Url + path));
        if (response.StatusCode == HttpStatusCode.NotFound) return null;
        response.EnsureSuccessStatusCode();
        using var document = JsonDocument.Parse(await response.Content.ReadAsStringAsync());
        return document.RootElement.Clone();
    }

    public void Dispose() => _http.Dispose();

    /// <summary>The task's transcript, line by line, until the task has ended.</summary>
    public async IAsyncEnumerable<string> FollowTranscriptAsync(string taskId)
    {
        using var response = await _http.GetAsync(new Uri($"{Url}/tasks/{taskId}/transcript?follow=true"), HttpCompletionOption.ResponseHeadersRead);
        if (!response.IsSuccessStatusCode) yield break;
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        while (await reader.ReadLineAsync() is { } line) yield return line;
    }
}
