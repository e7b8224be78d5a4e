using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;

namespace Orchestrator.Demo;

/// <summary>What came in.</summary>
internal sealed record ReceivedCallback(string Body, string Headers);

/// <summary>Receives completion callbacks as a dispatcher does: checks both signatures over the raw bytes, and answers 401 to anything else.</summary>
internal sealed class CallbackReceiver : IAsyncDisposable
{
    public const string Secret = "demo-webhook-secret";

    private static readonly string[] Shown = ["X-Request-Timestamp", "X-Request-Signature", "webhook-id", "webhook-signature"];

    private readonly WebApplication _web;
    private readonly ConcurrentDictionary<string, TaskCompletionSource<ReceivedCallback>> _callbacks = new(StringComparer.Ordinal);

    private CallbackReceiver(WebApplication web) => _web = web;

    public string Origin => _web.Urls.First();

    public static async Task<CallbackReceiver> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        var web = builder.Build();
        web.Urls.Add("http://127.0.0.1:0");
        var receiver = new CallbackReceiver(web);
        web.MapPost("/tasks/{taskId}/task-complete", receiver.ReceiveAsync);
        await web.StartAsync();
        return receiver;
    }

    public Task<ReceivedCallback> WaitAsync(string taskId) => Of(taskId).Task;

    /// <summary>Ends when this process is asked to.</summary>
    public Task RunUntilStoppedAsync() => _web.WaitForShutdownAsync();

    public ValueTask DisposeAsync() => _web.DisposeAsync();

    private async Task<IResult> ReceiveAsync(HttpRequest request, string taskId)
    {
        using var body = new MemoryStream();
        await request.Body.CopyToAsync(body);
        var bytes = body.ToArray();
        var headers = request.Headers;
        var expected = Convert.ToHexStringLower(Sign($"{headers["X-Request-Timestamp"]}.", bytes));
        var standard = "v1," + Convert.ToBase64String(Sign($"{headers["webhook-id"]}.{headers["webhook-timestamp"]}.", bytes));
        if (headers["X-Request-Signature"] != expected || headers["webhook-signature"] != standard) return Results.Unauthorized();
        var shown = string.Join('\n', Shown.Select(name => $"{name}: {headers[name]}"));
        Of(taskId).TrySetResult(new(Encoding.UTF8.GetString(bytes), shown));
        return Results.Text("{\"received\":true}", "application/json");
    }

    private static byte[] Sign(string prefix, byte[] body)
    {
        byte[] signed = [.. Encoding.UTF8.GetBytes(prefix), .. body];
        return HMACSHA256.HashData(Encoding.UTF8.GetBytes(Secret), signed);
    }

    private TaskCompletionSource<ReceivedCallback> Of(string taskId) =>
        _callbacks.GetOrAdd(taskId, _ => new(TaskCreationOptions.RunContinuationsAsynchronously));
}
