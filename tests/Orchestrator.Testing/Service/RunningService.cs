using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Orchestrator.Testing.Service;

/// <summary>An answer of the service.</summary>
public sealed record ServiceAnswer(HttpStatusCode Status, string Body, IReadOnlyDictionary<string, string> Headers)
{
    /// <summary>The body, parsed.</summary>
    public JsonElement Json
    {
        get
        {
            using var document = JsonDocument.Parse(Body);
            return document.RootElement.Clone();
        }
    }

    /// <summary>The member <c>error</c> that every error has.</summary>
    public string? Error => Json.TryGetProperty("error", out var error) ? error.GetString() : null;
}

/// <summary>
/// The built service as a process of its own, spoken to over HTTP as a dispatcher does. It may be killed, stopped and started again on the same home. At its end the process is
/// killed; what it left running is ended by its <see cref="ServicePlace"/>.
/// </summary>
public sealed class RunningService : IAsyncDisposable
{
    private readonly string _program;
    private readonly ServicePlace _place;
    private readonly Dictionary<string, string> _settings;
    private readonly List<ServiceProgram> _earlier = [];
    private readonly HttpClient _http = new() { Timeout = Eventually.Limit };

    private RunningService(string program, ServicePlace place, Dictionary<string, string> settings) => (_program, _place, _settings) = (program, place, settings);

    /// <summary>What requests are signed with.</summary>
    public string Secret => _settings["DISPATCH_SECRET"];

    /// <summary>The process that runs, or ran last.</summary>
    public ServiceProgram Program { get; private set; } = null!;

    /// <summary>Where it listens.</summary>
    public string Url { get; private set; } = "";

    /// <summary>From the process' start to ready, of the last start.</summary>
    public TimeSpan ReadyAfter { get; private set; }

    /// <summary>Everything that all its processes logged.</summary>
    public IEnumerable<string> Log => _earlier.Append(Program).SelectMany(program => program.Output);

    /// <summary>Starts it and waits until it is ready.</summary>
    /// <param name="program">The built <c>Orchestrator.Silo</c>.</param>
    /// <param name="place">Where its home is.</param>
    /// <param name="settings">Configuration, beside home, port and a made-up secret; null: none.</param>
    public static async Task<RunningService> StartAsync(string program, ServicePlace place, IReadOnlyDictionary<string, string>? settings = null)
    {
        var all = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["DISPATCH_SECRET"] = "dispatch-secret-" + Guid.NewGuid().ToString("N"),
            ["MEMORY_FLOOR_MB"] = "0",
            ["GIT_URL_TEMPLATE"] = $"file://{place.Origins}/{{repository}}.git",
        };
        foreach (var (name, value) in settings ?? new Dictionary<string, string>()) all[name] = value;
        var service = new RunningService(program, place, all);
        await service.StartAgainAsync();
        return service;
    }

    /// <summary>Starts it (again), on the same home, and waits until it is ready.</summary>
    /// <param name="changes">Settings that are other ones from now on.</param>
    public async Task StartAgainAsync(params IReadOnlyList<(string Name, string Value)> changes)
    {
        foreach (var (name, value) in changes) _settings[name] = value;
        if (Program is not null) _earlier.Add(Program);
        var startedAt = TimeProvider.System.GetTimestamp();
        Program = ServiceProgram.Start(_program, _place, _settings);
        await Eventually.IsTrueAsync(IsReadyAsync, $"ready. Its log:\n{Program.Tail}");
        ReadyAfter = TimeProvider.System.GetElapsedTime(startedAt);
    }

    /// <summary>SIGKILL.</summary>
    public Task KillAsync() => Program.KillAsync();

    /// <summary>SIGTERM, and waits for its end.</summary>
    /// <returns>Its exit code.</returns>
    public Task<int> StopAsync()
    {
        MachineProcess.Terminate(Program.Pid);
        return Program.WaitForExitAsync();
    }

    /// <summary>SIGKILL, then a start on the same home.</summary>
    public async Task RestartAsync()
    {
        await KillAsync();
        await StartAgainAsync();
    }

    /// <summary>POST /tasks, signed as the contract says: hex HMAC-SHA256 of <c>timestamp.nonce.body</c>.</summary>
    /// <param name="body">The request.</param>
    /// <param name="traceId"><c>X-Trace-Id</c>; null: none.</param>
    public async Task<ServiceAnswer> PostTaskAsync(string body, string? traceId = null)
    {
        var (timestamp, nonce) = (TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds(), Guid.NewGuid());
        var signed = Encoding.UTF8.GetBytes($"{timestamp}.{nonce}.{body}");
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(Url + "/tasks")) { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        if (traceId is not null) request.Headers.Add("X-Trace-Id", traceId);
        request.Headers.Add("X-Dispatch-Timestamp", $"{timestamp}");
        request.Headers.Add("X-Dispatch-Nonce", $"{nonce}");
        request.Headers.Add("X-Dispatch-Signature", Convert.ToHexStringLower(HMACSHA256.HashData(Encoding.UTF8.GetBytes(Secret), signed)));
        return await SendAsync(request);
    }

    /// <summary>GET /tasks/{id}.</summary>
    public async Task<JsonElement> GetTaskAsync(string taskId) => (await GetAsync($"/tasks/{taskId}")).Json;

    public Task<ServiceAnswer> DeleteTaskAsync(string taskId) => SendAsync(HttpMethod.Delete, $"/tasks/{taskId}");

    /// <summary>The transcript's text.</summary>
    public async Task<string> GetTranscriptAsync(string taskId) => (await GetAsync($"/tasks/{taskId}/transcript")).Body;

    /// <summary>GET /health.</summary>
    public async Task<JsonElement> GetHealthAsync() => (await GetAsync("/health")).Json;

    public Task<ServiceAnswer> GetAsync(string path) => SendAsync(HttpMethod.Get, path);

    /// <summary>A request without credentials.</summary>
    public async Task<ServiceAnswer> SendAsync(HttpMethod method, string path)
    {
        using var request = new HttpRequestMessage(method, new Uri(Url + path));
        return await SendAsync(request);
    }

    /// <summary>Waits until the task is as it should be.</summary>
    public async Task<JsonElement> WaitForTaskAsync(string taskId, Func<JsonElement, bool> condition, string what, TimeSpan? limit = null)
    {
        var last = default(JsonElement);
        await Eventually.FoundAsync(
            async () =>
            {
                last = await GetTaskAsync(taskId);
                return last.TryGetProperty("status", out _) && condition(last) ? "yes" : null;
            },
            () => Task.FromResult($"{taskId}: {what}. It is {last}. The service's log:\n{Program.Tail}"),
            limit);
        return last;
    }

    /// <summary>Waits until it has ended, and knows that its callback is delivered.</summary>
    public Task<JsonElement> WaitForEndAsync(string taskId, TimeSpan? limit = null) => WaitForTaskAsync(
        taskId,
        task => task.GetProperty("phase").GetString() == "ended" && task.GetProperty("timeline").EnumerateArray().Last().GetProperty("event").GetString() == "callback_delivered",
        "ended, with its callback delivered",
        limit);

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await Program.KillAsync();
        Program.Dispose();
        foreach (var program in _earlier) program.Dispose();
    }

    private async Task<ServiceAnswer> SendAsync(HttpRequestMessage request)
    {
        try
        {
            using var response = await _http.SendAsync(request);
            var headers = response.Headers.Concat(response.Content.Headers).ToDictionary(header => header.Key, header => string.Join(", ", header.Value), StringComparer.OrdinalIgnoreCase);
            return new(response.StatusCode, await response.Content.ReadAsStringAsync(), headers);
        }
        catch (TaskCanceledException exception)
        {
            throw new TimeoutException($"{request.Method} {request.RequestUri} was not answered. The service's log:\n{Program.Tail}", exception);
        }
    }

    private async Task<bool> IsReadyAsync()
    {
        if (Program.HasExited) throw new InvalidOperationException($"The service has ended with {Program.ExitCode} instead of getting ready:\n{Program.Tail}");
        if (ReadUrl() is not { } url) return false;
        Url = url;
        try
        {
            return (await GetHealthAsync()).GetProperty("status").GetString() == "ready";
        }
        catch (HttpRequestException)
        {
            // It has announced itself and does not listen yet.
            return false;
        }
    }

    /// <summary>Null while the file is not there, or is a killed predecessor's.</summary>
    private string? ReadUrl()
    {
        try
        {
            using var service = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(_place.Home, "service.json")));
            var record = service.RootElement;
            return record.GetProperty("pid").GetInt32() == Program.Pid && record.TryGetProperty("url", out var url) ? url.GetString() : null;
        }
        catch (Exception exception) when (exception is IOException or JsonException)
        {
            return null;
        }
    }
}
