using System.Globalization;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using Orchestrator.Testing.Service;

namespace Orchestrator.Benchmarks.Service;

/// <summary>Requests of the contract, signed before the clock of a measurement starts.</summary>
internal static class SignedRequest
{
    /// <summary>A body as dispatchers send it: about 600 bytes.</summary>
    public static byte[] Body(string taskId, DispatchReceiver receiver) => Encoding.UTF8.GetBytes(
        $$"""
        {"taskId":"{{taskId}}","workerType":"script","prompt":"{{Prompt}}","repository":"{{ServiceMeasures.Repository}}","baseBranch":"main","webhookUrl":"{{receiver.UrlFor(taskId)}}","webhookSecret":"{{receiver.Secret}}"}
        """);

    private static readonly string Prompt = string.Concat(Enumerable.Repeat("Make the login page remember who was there. ", 8)).TrimEnd();

    public static string NewTaskId() => $"task-{Guid.NewGuid()}";

    public static HttpRequestMessage Create(byte[] body, string secret, bool isRight = true)
    {
        var timestamp = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds().ToString(CultureInfo.InvariantCulture);
        var nonce = Guid.NewGuid().ToString();
        byte[] signed = [.. Encoding.ASCII.GetBytes($"{timestamp}.{nonce}."), .. body];
        var signature = HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret), signed);
        if (!isRight) signature[0] ^= 1;
        var request = new HttpRequestMessage(HttpMethod.Post, new Uri("/tasks", UriKind.Relative)) { Content = new ByteArrayContent(body) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        request.Headers.Add("X-Dispatch-Timestamp", timestamp);
        request.Headers.Add("X-Dispatch-Nonce", nonce);
        request.Headers.Add("X-Dispatch-Signature", Convert.ToHexStringLower(signature));
        return request;
    }
}
