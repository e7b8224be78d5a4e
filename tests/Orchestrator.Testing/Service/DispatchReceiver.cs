using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Orchestrator.Testing.Service;

/// <summary>A completion callback as it came in.</summary>
/// <param name="TaskId">The task, by the URL and the body.</param>
/// <param name="Status">What was answered.</param>
/// <param name="Body">The raw body.</param>
/// <param name="Json">The same, parsed.</param>
/// <param name="Headers">By name, case-insensitive.</param>
/// <param name="ReceivedAt">UTC.</param>
public sealed record ReceivedCallback(string TaskId, int Status, string Body, JsonElement Json, IReadOnlyDictionary<string, string> Headers, DateTimeOffset ReceivedAt)
{
    /// <summary>The terminal status that it tells.</summary>
    public string TaskStatus => Json.GetProperty("status").GetString()!;

    /// <summary><c>webhook-id</c>.</summary>
    public string Id => Headers["webhook-id"];

    /// <summary><c>error.code</c>; null when there is none.</summary>
    public string? ErrorCode => Json.TryGetProperty("error", out var error) ? error.GetProperty("code").GetString() : null;
}

/// <summary>
/// The dispatcher's side of callbacks, on 127.0.0.1. Strict: recomputes both signatures over the raw bytes and looks at every rule of the contract's §3; what breaks one is
/// answered with 401 and kept in <see cref="Violations"/>.
/// </summary>
public sealed class DispatchReceiver : IAsyncDisposable
{
    private static readonly TimeSpan ClockTolerance = TimeSpan.FromMinutes(5);
    private static readonly HashSet<string> Members = ["taskId", "status", "result", "error", "duration", "resumedCompletion"];

    private readonly WebApplication _app;
    private readonly ConcurrentQueue<ReceivedCallback> _received = new();
    private readonly ConcurrentQueue<string> _violations = new();
    private readonly ConcurrentQueue<int> _statuses = new();

    private DispatchReceiver(WebApplication app) => _app = app;

    /// <summary>What tasks send as <c>webhookSecret</c>.</summary>
    public string Secret { get; } = "webhook-secret-" + Guid.NewGuid().ToString("N");

    /// <summary>For <c>CALLBACK_ALLOW</c>.</summary>
    public string Origin => _app.Urls.First();

    /// <summary>Called while a callback is being received, before it is answered; null: nothing.</summary>
    public Func<ReceivedCallback, Task>? Receiving { get; set; }

    /// <summary>All that came in with good signatures, in order.</summary>
    public IReadOnlyList<ReceivedCallback> Received => [.. _received];

    /// <summary>What was sent to us and breaks a rule; empty when all went well.</summary>
    public IReadOnlyList<string> Violations => [.. _violations];

    public static async Task<DispatchReceiver> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var receiver = new DispatchReceiver(builder.Build());
        receiver._app.MapPost("/tasks/{taskId}/task-complete", receiver.ReceiveAsync);
        receiver._app.MapFallback((HttpRequest request) => receiver.Refuse($"Unexpected request: {request.Method} {request.Path}"));
        await receiver._app.StartAsync();
        return receiver;
    }

    /// <summary>What the task sends as <c>webhookUrl</c>.</summary>
    public string UrlFor(string taskId) => $"{Origin}/tasks/{taskId}/task-complete";

    /// <summary>The next callbacks get these answers instead of 200.</summary>
    public void AnswerNext(params IReadOnlyList<int> statuses)
    {
        foreach (var status in statuses) _statuses.Enqueue(status);
    }

    /// <summary>All that came for one task, in order.</summary>
    public IReadOnlyList<ReceivedCallback> Of(string taskId) => [.. _received.Where(callback => callback.TaskId == taskId)];

    /// <summary>Waits for a callback of the task that was answered with 2xx.</summary>
    public Task<ReceivedCallback> WaitAsync(string taskId, TimeSpan? limit = null) => Eventually.FoundAsync(
        () => Task.FromResult(Of(taskId).FirstOrDefault(callback => callback.Status is >= 200 and < 300)),
        () => Task.FromResult($"a callback of {taskId}. Received: {string.Join(", ", _received.Select(one => $"{one.Id} → {one.Status}"))}; violations: {string.Join(" | ", _violations)}"),
        limit);

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task<IResult> ReceiveAsync(HttpRequest request, string taskId)
    {
        using var buffer = new MemoryStream();
        await request.Body.CopyToAsync(buffer);
        var bytes = buffer.ToArray();
        var body = Encoding.UTF8.GetString(bytes);
        var broken = CheckSignatures(request.Headers, bytes).ToList();
        var json = Parse(body);
        broken.AddRange(json is null ? ["The body is no JSON object."] : CheckBody(request, taskId, json.Value));
        if (broken.Count > 0) return Refuse($"{taskId}: {string.Join(" ", broken)} {body}");

        var status = _statuses.TryDequeue(out var scripted) ? scripted : 200;
        var headers = request.Headers.ToDictionary(header => header.Key, header => header.Value.ToString(), StringComparer.OrdinalIgnoreCase);
        var callback = new ReceivedCallback(taskId, status, body, json!.Value, headers, TimeProvider.System.GetUtcNow());
        if (Receiving is { } receiving) await receiving(callback);
        _received.Enqueue(callback);
        return Results.Json(new { received = status < 300 }, statusCode: status);
    }

    private IResult Refuse(string violation)
    {
        _violations.Enqueue(violation);
        return Results.Json(new { error = violation }, statusCode: 401);
    }

    private IEnumerable<string> CheckSignatures(IHeaderDictionary headers, byte[] body)
    {
        if (headers["X-Request-Signature"] != Convert.ToHexStringLower(Sign($"{headers["X-Request-Timestamp"]}.", body))) yield return "X-Request-Signature is wrong.";
        if (headers["webhook-signature"] != "v1," + Convert.ToBase64String(Sign($"{headers["webhook-id"]}.{headers["webhook-timestamp"]}.", body))) yield return "webhook-signature is wrong.";
        foreach (var name in (string[])["X-Request-Timestamp", "webhook-timestamp"])
        {
            if (!long.TryParse(headers[name], NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
                || (TimeProvider.System.GetUtcNow() - DateTimeOffset.FromUnixTimeSeconds(Math.Min(seconds, int.MaxValue))).Duration() > ClockTolerance) yield return $"{name} is '{headers[name]}'.";
        }
    }

    private static IEnumerable<string> CheckBody(HttpRequest request, string taskId, JsonElement json)
    {
        if (request.ContentType?.Split(';')[0] != "application/json") yield return $"Content type is '{request.ContentType}'.";
        if (json.EnumerateObject().FirstOrDefault(member => !Members.Contains(member.Name)) is { Value.ValueKind: not JsonValueKind.Undefined } unknown) yield return $"{unknown.Name} is no member of a callback.";
        if (!json.TryGetProperty("taskId", out var id) || id.GetString() != taskId) yield return "taskId is not the URL's.";
        if (!json.TryGetProperty("duration", out var duration) || duration.ValueKind != JsonValueKind.Number) yield return "duration is no number.";
        var status = json.TryGetProperty("status", out var text) ? text.GetString() : null;
        if (status is not ("completed" or "failed" or "interrupted" or "cancelled")) yield return $"status is '{status}'.";
        if (status == "completed" && !json.TryGetProperty("result", out _)) yield return "There is no result.";
        if (status == "failed" && !json.TryGetProperty("error", out _)) yield return "There is no error.";
        if (json.GetRawText().Contains(":null", StringComparison.Ordinal) && HasNull(json)) yield return "A member is null.";
        var webhookId = request.Headers["webhook-id"].ToString();
        if (!webhookId.StartsWith($"{taskId}-r", StringComparison.Ordinal) || !webhookId.EndsWith("-completed", StringComparison.Ordinal)) yield return $"webhook-id is '{webhookId}'.";
    }

    private static bool HasNull(JsonElement json) => json.ValueKind switch
    {
        JsonValueKind.Null => true,
        JsonValueKind.Object => json.EnumerateObject().Any(member => HasNull(member.Value)),
        JsonValueKind.Array => json.EnumerateArray().Any(HasNull),
        _ => false,
    };

    private static JsonElement? Parse(string body)
    {
        try
        {
            using var document = JsonDocument.Parse(body);
            return document.RootElement.ValueKind == JsonValueKind.Object ? document.RootElement.Clone() : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private byte[] Sign(string prefix, byte[] body)
    {
        byte[] signed = [.. Encoding.UTF8.GetBytes(prefix), .. body];
        return HMACSHA256.HashData(Encoding.UTF8.GetBytes(Secret), signed);
    }
}
